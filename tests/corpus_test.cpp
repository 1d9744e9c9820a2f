/// The text functions of the example `clean_corpus`.
#include "corpus/encoding.hpp"
#include "corpus/lsh.hpp"
#include "corpus/minhash.hpp"
#include "corpus/text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

std::string text_of(std::string_view bytes) { return corpus::to_utf8(bytes).value().text; }
std::string encoding_of(std::string_view bytes) { return std::string(corpus::to_utf8(bytes).value().encoding); }

corpus::Signature signature_of(std::string_view text) { return corpus::minhash(corpus::words(text)); }

/// `count` words "w<n>", beginning with `first`: a text whose overlap with its like is known exactly.
std::string numbered_words(std::size_t first, std::size_t count) {
  std::string text;
  for (std::size_t i = first; i < first + count; ++i) text += "w" + std::to_string(i) + ' ';
  return text;
}

}  // namespace

TEST_CASE("valid UTF-8 stays as it is, but for a byte order mark") {
  CHECK(text_of("") == "");
  CHECK(text_of("plain") == "plain");
  CHECK(text_of("Grüße, 世界 🎉") == "Grüße, 世界 🎉");
  CHECK(encoding_of("Grüße") == "utf-8");
  CHECK(text_of("\xEF\xBB\xBFmarked") == "marked");
}

TEST_CASE("bytes that are no UTF-8 are Windows-1252") {
  CHECK(text_of("Gr\xFC\xDF"
                "e") == "Grüße");
  CHECK(text_of("\x93quoted\x94 \x80 5") == "“quoted” € 5");
  CHECK(encoding_of("Gr\xFC\xDF"
                    "e") == "windows-1252");
}

TEST_CASE("a file in two encodings is repaired byte by byte") {
  CHECK(text_of("M\xFCller und Müller") == "Müller und Müller");
  CHECK(encoding_of("M\xFCller und Müller") == "mixed");
}

TEST_CASE("overlong forms, surrogates, values above U+10FFFF and cut-off sequences are no UTF-8") {
  const std::string_view bad = GENERATE("\xC0\xAF"sv, "\xE0\x9F\xBF"sv, "\xF0\x8F\xBF\xBF"sv, "\xED\xA0\x80"sv,
                                        "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\x80"sv, "\xE4\xB8"sv, "\xFF"sv);
  CHECK(corpus::first_code_point(bad).length == 0);
  CHECK(encoding_of(bad) == "windows-1252");
}

TEST_CASE("every code point survives being written and read") {
  for (char32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    if (code_point >= 0xD800 && code_point < 0xE000) continue;
    std::string text;
    corpus::append_utf8(text, code_point);
    const corpus::CodePoint read = corpus::first_code_point(text);
    if (read.value != code_point || read.length != text.size()) FAIL("U+" << static_cast<unsigned>(code_point));
  }
}

TEST_CASE("UTF-16 is known by its byte order mark") {
  CHECK(text_of("\xFF\xFEh\0\xFC\0\x3C\xD8\x89\xDF"sv) == "hü🎉");
  CHECK(text_of("\xFE\xFF\0h\0\xFC\xD8\x3C\xDF\x89"sv) == "hü🎉");
  CHECK(encoding_of("\xFF\xFEh\0"sv) == "utf-16le");
  CHECK(encoding_of("\xFE\xFF\0h"sv) == "utf-16be");
}

TEST_CASE("what is broken in UTF-16 becomes U+FFFD") {
  CHECK(text_of("\xFF\xFE\x3C\xD8h\0"sv) == "\uFFFDh");
  CHECK(text_of("\xFF\xFE\x89\xDFh\0"sv) == "\uFFFDh");
  CHECK(text_of("\xFF\xFEh\0\x3C\xD8"sv) == "h\uFFFD");
  CHECK(text_of("\xFF\xFEh\0x"sv) == "h\uFFFD");
}

TEST_CASE("a file that holds a NUL is no text") {
  CHECK_FALSE(
      corpus::to_utf8("\x7F"
                      "ELF\x02\x01\x01\0\0"sv));
  CHECK_FALSE(corpus::to_utf8("\x1F\x8B\x08\x08\0\0\0\0"sv));
}

TEST_CASE("all line ends become one kind") {
  CHECK(corpus::normalise("a\r\nb\rc\nd\u2028e\u0085f\fg") == "a\nb\nc\nd\ne\nf\ng\n");
}

TEST_CASE("all spaces become one kind and runs of them one") {
  CHECK(corpus::normalise("a\tb\u00A0c \u2003\u3000 d") == "a b c d\n");
  CHECK(corpus::normalise("  indented  \n\ttoo \n") == "indented\ntoo\n");
}

TEST_CASE("what is invisible goes, but for the joiners that some scripts need") {
  CHECK(corpus::normalise("a\x01\x1B\x7F\u0090z\u00AD\u200B\u2060\uFEFFy") == "azy\n");
  CHECK(corpus::normalise("می\u200Cخواهم") == "می\u200Cخواهم\n");
}

TEST_CASE("of several empty lines one stays, and none at either end") {
  CHECK(corpus::normalise("\n \n a\n\n\t\n\n\nb\n\n\n") == "a\n\nb\n");
  CHECK(corpus::normalise(" \n\t\r\n") == "");
  CHECK(corpus::normalise("") == "");
}

TEST_CASE("normalising twice is normalising once") {
  std::mt19937 random(1);
  const std::vector<std::string> pieces = {"a",    "bc", " ",      "\t",     "\n", "\r",
                                           "\r\n", "\f", "\u00A0", "\u200B", "ü",  "\x02"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 20; ++i) text += pieces[random() % pieces.size()];
    const std::string once = corpus::normalise(text);
    REQUIRE(corpus::normalise(once) == once);
  }
}

TEST_CASE("separators, page numbers and banners are boilerplate") {
  const std::string_view line = GENERATE(
      "-----", "= = = =", "/**********", "* * *", "─────", "|---|---|", "Page 3", "page 3 of 10", "- 12 -",
      "Postel [Page 7]", "* Copyright (C) 1998 A. Author", "// Copyright 2021 The Authors", "Copyright: 2003, X",
      "# SPDX-License-Identifier: MIT", "© 2020 Someone", "(c) 1999 Someone", "ALL RIGHTS RESERVED.",
      "Licensed under the Apache License, Version 2.0", "/* This file is part of GCC. */", "dnl -*- ###");
  // The last is none: letters make it say something.
  CHECK(corpus::is_boilerplate(line) == !line.starts_with("dnl"));
}

TEST_CASE("lines that say something are no boilerplate") {
  const std::string_view line =
      GENERATE("", "text", "--", "};", "42", "Page three", "Page 3 tells of it", "- 3 apples", "see [Page seven]",
               "Copyright law protects works", "(c) the third point", "(c) the year after 12019", "all rights matter",
               "the file is part of it", "a ----- b", "]", "[Page 7] begins");
  CHECK_FALSE(corpus::is_boilerplate(line));
}

TEST_CASE("dropped lines are counted and leave no gap") {
  const corpus::Kept kept = corpus::drop_boilerplate("=====\n\none\n\n- 1 -\n\ntwo\nPage 2\nthree\n\n-----\n");
  CHECK(kept.text == "one\n\ntwo\nthree\n");
  CHECK(kept.dropped_lines == 4);
  CHECK(corpus::drop_boilerplate("").text == "");
  CHECK(corpus::drop_boilerplate("no line end").text == "no line end\n");
}

TEST_CASE("words are runs of letters, digits and underscores of any script") {
  using Words = std::vector<std::string_view>;
  CHECK(corpus::words("Don't stop, size_t n=42;") == Words{"Don", "t", "stop", "size_t", "n", "42"});
  CHECK(corpus::words("„Grüße“ — Ελλάδα…") == Words{"Grüße", "Ελλάδα"});
  CHECK(corpus::words("last") == Words{"last"});
  CHECK(corpus::words(" ... ").empty());
  CHECK(corpus::words("").empty());
}

TEST_CASE("a text of fewer than five words has no signature and is like nothing") {
  CHECK(signature_of("one two three four").empty());
  CHECK(signature_of("one two three four five").size() == corpus::kPermutations);
  CHECK(corpus::similarity({}, {}) == 0);
  CHECK(corpus::similarity(signature_of("one two three four five"), {}) == 0);
}

TEST_CASE("the same words have the same signature, whatever is between them and however they are cased") {
  CHECK(signature_of("The quick brown fox jumps over") == signature_of("the QUICK,\nbrown (fox) jumps -- over"));
}

TEST_CASE("the order of words matters") {
  CHECK(corpus::similarity(signature_of("a b c d e f g h"), signature_of("h g f e d c b a")) == 0);
}

TEST_CASE("signatures are the same on every machine and in every run") {
  const corpus::Signature signature = signature_of("the quick brown fox jumps over the lazy dog");
  CHECK(signature.front() == 1069669264u);
  CHECK(signature.back() == 1352269427u);
}

TEST_CASE("similarity estimates the Jaccard similarity of the sets of shingles") {
  constexpr std::size_t kShingles = 1000;
  const std::size_t shared = GENERATE(0u, 100u, 333u, 500u, 800u, 950u, 1000u);
  const double jaccard = static_cast<double>(shared) / static_cast<double>(2 * kShingles - shared);

  double sum = 0;
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t first = static_cast<std::size_t>(round) * 10'000;
    const std::size_t words = kShingles + corpus::kShingleWords - 1;
    const double estimate = corpus::similarity(signature_of(numbered_words(first, words)),
                                               signature_of(numbered_words(first + kShingles - shared, words)));
    sum += estimate;
    const double standard_error = std::sqrt(jaccard * (1 - jaccard) / corpus::kPermutations);
    CHECK(std::abs(estimate - jaccard) <= 4.5 * standard_error);
  }
  // The mean of the rounds is closer: it would show permutations that are not independent of the shingles.
  const double standard_error = std::sqrt(jaccard * (1 - jaccard) / (corpus::kPermutations * kRounds));
  CHECK(std::abs(sum / kRounds - jaccard) <= 4 * standard_error);
}

TEST_CASE("similar pairs are found, each once, the most alike first") {
  const std::vector<corpus::Signature> signatures = {
      signature_of(numbered_words(0, 1000)),      signature_of(numbered_words(50'000, 1000)),
      signature_of(numbered_words(40, 1000)),     {},
      signature_of(numbered_words(50'010, 1000)), signature_of("too short"),
      signature_of(numbered_words(600, 1000)),
  };
  const std::vector<corpus::SimilarPair> pairs = corpus::similar_pairs(signatures, 0.8);
  REQUIRE(pairs.size() == 2);
  CHECK(std::pair(pairs[0].first, pairs[0].second) == std::pair(std::size_t{1}, std::size_t{4}));
  CHECK(std::pair(pairs[1].first, pairs[1].second) == std::pair(std::size_t{0}, std::size_t{2}));
  CHECK(pairs[0].similarity == corpus::similarity(signatures[1], signatures[4]));
}

TEST_CASE("similar pairs are the same as by comparing all with all") {
  std::mt19937 random(7);
  std::vector<corpus::Signature> signatures;
  for (int i = 0; i < 300; ++i) signatures.push_back(signature_of(numbered_words(random() % 3000, 400)));

  std::size_t expected = 0;
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    for (std::size_t j = i + 1; j < signatures.size(); ++j) {
      if (corpus::similarity(signatures[i], signatures[j]) >= 0.7) ++expected;
    }
  }
  CHECK(expected > 100);
  CHECK(corpus::similar_pairs(signatures, 0.7).size() == expected);
}
