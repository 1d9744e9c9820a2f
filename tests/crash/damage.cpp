#include "crash/damage.hpp"

#include <cstddef>
#include <cstdint>

#include "support/temp_dir.hpp"

namespace pararun::testing {
namespace {

std::string garbage(Random& random) {
  constexpr std::string_view kLikely = "{}[]\",:\\\n\r\t 0eEu\xC3\xEF\xBB\xBF";
  std::string bytes(1 + below(random, 100), '\0');
  for (char& byte : bytes) {
    byte = below(random, 2) == 0 ? kLikely[below(random, kLikely.size())] : static_cast<char>(random());
  }
  return bytes;
}

/// Some line of the file, with its newline.
std::string_view any_line(std::string_view content, Random& random) {
  const std::size_t at = below(random, content.size());
  const std::size_t newline = content.substr(0, at).rfind('\n');
  const std::size_t begin = newline == content.npos ? 0 : newline + 1;
  return content.substr(begin, content.find('\n', begin) - begin + 1);
}

}  // namespace

std::string damage_tail(const std::filesystem::path& path, Random& random) {
  std::string content = read_file(path);
  std::string what;
  switch (below(random, 8)) {
    case 0:
      what = "cut anywhere";
      content.resize(below(random, content.size() + 1));
      break;
    case 1:
      what = "cut near the end";
      content.resize(content.size() - below(random, std::min<std::size_t>(content.size(), 40) + 1));
      break;
    case 2:
      what = "garbage appended";
      content += garbage(random);
      break;
    case 3:
      what = "NUL bytes appended";
      content.append(1 + below(random, 5'000), '\0');
      break;
    case 4:
      what = "the newline cut";
      if (content.ends_with('\n')) content.pop_back();
      break;
    case 5: {
      what = "a part of a line appended";
      const std::string line(any_line(content, random));
      content += line.substr(0, below(random, line.size() + 1));
      break;
    }
    case 6:
      what = "a line appended that was there";
      content += std::string(any_line(content, random));
      break;
    default:
      what = "a line of another program appended";
      content += std::string("{\"other\":1}\n{}\r\n \t\r\n{\"id\":null} \n {\"id\":1.0}").substr(0, below(random, 46));
  }
  write_file(path, content);
  return what;
}

std::string damage_middle(const std::filesystem::path& path, Random& random) {
  std::string content = read_file(path);
  std::string what;
  const std::size_t at = below(random, content.size());
  switch (content.empty() ? 99 : below(random, 6)) {
    case 0:
      what = "a byte changed";
      content[at] = static_cast<char>(random());
      break;
    case 1:
      what = "two lines joined";
      if (const std::size_t newline = content.find('\n', at); newline != content.npos) content[newline] = ' ';
      break;
    case 2:
      what = "garbage inserted";
      content.insert(at, garbage(random));
      break;
    case 3:
      what = "bytes removed";
      content.erase(at, 1 + below(random, 300));
      break;
    case 4:
      what = "a hole of NUL bytes";
      for (std::size_t i = at; i < std::min(content.size(), at + 512); ++i) content[i] = '\0';
      break;
    default:
      what = "removed";
      std::filesystem::remove(path);
      return what;
  }
  write_file(path, content);
  return what;
}

}  // namespace pararun::testing
