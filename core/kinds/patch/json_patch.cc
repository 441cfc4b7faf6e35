#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <optional>

#include "core/kinds/engine.hpp"
#include "core/kinds/parse.hpp"
#include "core/kinds/patch/patch.hpp"

namespace keelson::kinds {
namespace {

using Failure = std::optional<std::string>;   // why an operation does not apply

constexpr std::string_view kMissing = "missing value";
constexpr std::string_view kInvalidIndex = "invalid index referenced";
/// Values that are looked at to know how deep what is moved or copied nests, over all operations.
constexpr std::size_t kLooksMax = 4'000'000;

/// RFC 6901: ~1 is /, ~0 is ~.
std::string unescape(std::string_view token) {
  std::string key;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1');
    key += escape ? (token[++i] == '1' ? '/' : '~') : token[i];
  }
  return key;
}

/// An array index; a negative one counts from the end, as the reference implementation allows. `size`: what it counts from.
std::optional<std::size_t> index_of(std::string_view key, std::size_t size) {
  if (key.starts_with('+')) key.remove_prefix(1);
  std::int64_t index = 0;
  const auto [end, status] = std::from_chars(key.data(), key.data() + key.size(), index);
  if (status != std::errc() || end != key.data() + key.size() || key.empty()) return std::nullopt;
  if (index < 0) index += static_cast<std::int64_t>(size);
  if (index < 0) return std::nullopt;
  return static_cast<std::size_t>(index);
}

json::value* child(json::value& container, std::string_view key) {
  if (container.is_object()) return container.get_object().if_contains(key);
  if (!container.is_array()) return nullptr;
  json::array& array = container.get_array();
  const auto index = index_of(key, array.size());
  return index && *index < array.size() ? &array[*index] : nullptr;
}

struct Place {
  json::value* container = nullptr;   ///< object or array; null: no such place
  std::string key;
};

Place find(json::value& document, std::string_view path) {
  if (!path.starts_with('/')) return {};
  json::value* at = &document;
  path.remove_prefix(1);
  for (std::size_t slash; (slash = path.find('/')) != path.npos; path.remove_prefix(slash + 1)) {
    at = child(*at, unescape(path.substr(0, slash)));
    if (!at || !at->is_structured()) return {};
  }
  return at->is_structured() ? Place{at, unescape(path)} : Place{};
}

std::string fault(std::string_view what, std::string_view path, std::string_view why) {
  return std::string(what) + " '" + std::string(path) + "': " + std::string(why);
}

std::string missing_path(std::string_view operation, std::string_view path) {
  return std::string(operation) + " operation does not apply: doc is missing path: \"" + std::string(path) + "\": " + std::string(kMissing);
}

Failure add(const Place& place, std::string_view path, json::value value) {
  if (place.container->is_object()) {
    place.container->get_object().insert_or_assign(place.key, std::move(value));
    return {};
  }
  json::array& array = place.container->get_array();
  if (place.key == "-") {
    array.push_back(std::move(value));
    return {};
  }
  const auto index = index_of(place.key, array.size() + 1);
  if (!index || *index > array.size()) return fault("error in add for path:", path, kInvalidIndex);
  array.insert(array.begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
  return {};
}

Failure remove(const Place& place, std::string_view path) {
  if (place.container->is_object()) {
    if (place.container->get_object().erase(place.key) == 1) return {};
    return fault("error in remove for path:", path, "Unable to remove nonexistent key: " + place.key + ": " + std::string(kMissing));
  }
  json::array& array = place.container->get_array();
  const auto index = index_of(place.key, array.size());
  if (!index || *index >= array.size()) return fault("error in remove for path:", path, kInvalidIndex);
  array.erase(array.begin() + static_cast<std::ptrdiff_t>(*index));
  return {};
}

class Application {
 public:
  explicit Application(json::value& document) : document_(document) {}

  Failure run(const json::object& operation) {
    const std::string kind = text(operation, "op").value_or("unknown");
    if (kind == "add") return run_add(operation);
    if (kind == "remove") return run_remove(operation);
    if (kind == "replace") return run_replace(operation);
    if (kind == "move") return run_move(operation);
    if (kind == "copy") return run_copy(operation);
    if (kind == "test") return run_test(operation);
    return "Unexpected kind: " + kind;
  }

 private:
  static std::optional<std::string> text(const json::object& operation, std::string_view name) {
    const json::value* value = operation.if_contains(name);
    if (!value || !value->is_string()) return std::nullopt;
    return std::string(value->get_string());
  }

  static std::string lacks(std::string_view operation, std::string_view member) {
    return std::string(operation) + " operation failed to decode " + std::string(member) + ": " + std::string(kMissing);
  }

  json::value value_of(const json::object& operation) const {
    const json::value* value = operation.if_contains("value");
    return value ? json::value(*value, document_.storage()) : json::value(nullptr, document_.storage());
  }

  /// 0 for a scalar.
  std::size_t depth_of(const json::value& value) {
    if (!value.is_structured() || ++looks_ > kLooksMax) return 0;
    std::size_t deepest = 0;
    if (const auto* object = value.if_object())
      for (const auto& member : *object) deepest = std::max(deepest, depth_of(member.value()));
    else
      for (const auto& element : value.get_array()) deepest = std::max(deepest, depth_of(element));
    return deepest + 1;
  }

  /// Each operation may nest deeper what those before it have made: everybody after us relies on the limit of parsed values.
  Failure too_deep(std::string_view path, const json::value& value) {
    const auto depth = static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')) + depth_of(value);
    if (looks_ > kLooksMax) return "the operations move or copy too much";
    return depth > kNestingMax ? Failure("exceeded max depth") : std::nullopt;
  }

  Failure put(const Place& place, std::string_view path, json::value value) {
    if (Failure failure = too_deep(path, value)) return failure;
    return add(place, path, std::move(value));
  }

  Failure run_add(const json::object& operation) {
    const auto path = text(operation, "path");
    if (!path) return lacks("add", "path");
    const Place place = find(document_, *path);
    if (!place.container) return missing_path("add", *path);
    return put(place, *path, value_of(operation));
  }

  Failure run_remove(const json::object& operation) {
    const auto path = text(operation, "path");
    if (!path) return lacks("remove", "path");
    const Place place = find(document_, *path);
    if (!place.container) return missing_path("remove", *path);
    return remove(place, *path);
  }

  /// An absent member of an object is set, as the reference implementation does; an absent array element is refused.
  Failure run_replace(const json::object& operation) {
    const auto path = text(operation, "path");
    if (!path) return lacks("replace", "path");
    if (path->empty()) return replace_all(operation);
    const Place place = find(document_, *path);
    if (!place.container) return missing_path("replace", *path);
    if (place.container->is_object()) return put(place, *path, value_of(operation));
    json::value* slot = child(*place.container, place.key);
    if (!slot) return "replace operation does not apply: doc is missing key: " + *path + ": " + std::string(kMissing);
    json::value value = value_of(operation);
    if (Failure failure = too_deep(*path, value)) return failure;
    *slot = std::move(value);
    return {};
  }

  Failure replace_all(const json::object& operation) {
    const json::value* value = operation.if_contains("value");
    if (!value || !value->is_structured()) return "replace operation value must be object or array";
    document_ = *value;
    return {};
  }

  Failure run_move(const json::object& operation) {
    const auto from = text(operation, "from");
    if (!from) return lacks("move", "from");
    const Place source = find(document_, *from);
    json::value* slot = source.container ? child(*source.container, source.key) : nullptr;
    if (!slot) return missing_path("move", *from);
    json::value moved = std::move(*slot);
    if (Failure failure = remove(source, *from)) return failure;
    const auto path = text(operation, "path");
    if (!path) return lacks("move", "path");
    const Place target = find(document_, *path);
    if (!target.container) return missing_path("move", *path);
    return put(target, *path, std::move(moved));
  }

  Failure run_copy(const json::object& operation) {
    const auto from = text(operation, "from"), path = text(operation, "path");
    if (!from) return lacks("copy", "from");
    if (!path) return lacks("copy", "path");
    const Place source = find(document_, *from);
    if (!source.container) return missing_path("copy", *from);
    json::value absent(nullptr, document_.storage());   // an absent member is copied as null, as the reference implementation does
    json::value* slot = child(*source.container, source.key);
    if (!slot && source.container->is_array()) return fault("error in copy for from:", *from, kInvalidIndex);
    if (!slot) slot = &absent;
    const Place target = find(document_, *path);
    if (!target.container) return missing_path("copy", *path);
    copied_bytes_ += json::serialize(*slot).size();
    if (copied_bytes_ > kJsonPatchCopyBytesMax)
      return "Unable to complete the copy, the accumulated size increase of copy is " + std::to_string(copied_bytes_) + ", exceeding the limit " + std::to_string(kJsonPatchCopyBytesMax);
    return put(target, *path, json::value(*slot, document_.storage()));
  }

  Failure run_test(const json::object& operation) {
    const auto path = text(operation, "path");
    if (!path) return lacks("test", "path");
    const json::value* found = &document_;
    if (!path->empty()) {
      const Place place = find(document_, *path);
      if (!place.container) return "test operation does not apply: is missing path: " + *path + ": " + std::string(kMissing);
      found = child(*place.container, place.key);
      if (!found && place.container->is_array()) return fault("error in test for path:", *path, kInvalidIndex);
    }
    const json::value* wanted = operation.if_contains("value");
    const json::value null;
    if ((found ? *found : null) == (wanted ? *wanted : null)) return {};
    return "testing value " + *path + " failed: test failed";
  }

  json::value& document_;
  std::size_t copied_bytes_ = 0;
  std::size_t looks_ = 0;
};

base::Error undecodable(const json::value& value, std::string_view wanted) {
  return base::bad_request("error decoding patch: json: cannot unmarshal " + std::string(json_kind_name(value)) + " into Go value of type " + std::string(wanted));
}

}  // namespace

base::Outcome<json::value> json_patch(const json::value& original, const json::value& operations, json::storage_ptr memory) {
  if (!operations.is_array()) return undecodable(operations, "[]handlers.jsonPatchOp");
  const json::array& list = operations.get_array();
  if (list.size() > kJsonPatchOperationsMax)
    return base::request_too_large("Request entity too large: The allowed maximum operations in a JSON patch is " + std::to_string(kJsonPatchOperationsMax) + ", got " + std::to_string(list.size()));
  for (const json::value& operation : list)
    if (!operation.is_object()) return undecodable(operation, "handlers.jsonPatchOp");
  json::value result(original, std::move(memory));
  Application application(result);
  for (const json::value& operation : list)
    if (Failure failure = application.run(operation.get_object())) return patch_rejected(std::move(*failure));
  return result;
}

}  // namespace keelson::kinds
