#include <pararun/key.hpp>

#include <string>

#include <pararun/error.hpp>
#include <pararun/json.hpp>

namespace pararun::detail {

void add_json_key(IdList& ids, const Json& item, std::string_view key_field) {
  const Json* key = item.is_object() ? item.find(key_field) : nullptr;
  if (key == nullptr) {
    throw BadItem("the item has no \"" + std::string(key_field) + "\"");
  }
  if (key->is_string()) {
    ids.add_string(key->get<std::string_view>());
  } else if (key->is_integer()) {
    const std::string_view digits = key->number_text();
    ids.add(IdKind::integer, digits == "-0" ? "0" : digits);
  } else {
    throw BadItem("the item's \"" + std::string(key_field) + "\" is neither a string nor an integer");
  }
}

}  // namespace pararun::detail
