// What the tests of the schema engine share: the built-in kinds and short ways through decode, defaults and encode.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// The built-in kind served at `api_version`.
inline KindRef builtin(std::string_view api_version, std::string_view kind) {
  static const auto registry = make_registry();
  const auto slash = api_version.find('/');
  const auto group = slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
  const auto version = slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
  return registry->current()->by_kind(group, version, kind);
}

inline base::Outcome<Decoded> decoded(const Kind& kind, std::string_view body, FieldValidation mode = FieldValidation::strict, Media media = Media::json) {
  return decode(kind, media, body, mode, json::storage_ptr());
}

/// The message of the refusal, "" when there is none.
inline std::string refusal(const Kind& kind, std::string_view body, FieldValidation mode = FieldValidation::strict) {
  const auto result = decoded(kind, body, mode);
  return result ? "" : result.error().message;
}

inline json::value defaulted(const Kind& kind, std::string_view body, Media media = Media::json) {
  auto object = decoded(kind, body, FieldValidation::ignore, media).value().object;
  apply_defaults(kind, object);
  return object;
}

inline constexpr std::size_t kSlot = 21;

/// The stored text, with the revision slot as it is.
inline std::string stored(const Kind& kind, const json::value& object) { return encode(kind, object, kSlot).body; }

/// The value at a dotted path with numbers for list elements, as JSON text; "absent" when there is none.
inline std::string shown(const json::value& object, std::string_view path) {
  const json::value* here = &object;
  while (here && !path.empty()) {
    const auto dot = path.find('.');
    const std::string name(path.substr(0, dot));
    if (const auto* list = here->if_array()) here = std::stoul(name) < list->size() ? &(*list)[std::stoul(name)] : nullptr;
    else here = here->is_object() ? here->get_object().if_contains(name) : nullptr;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return here ? json::serialize(*here) : "absent";
}

inline constexpr std::string_view kPod =
    R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","labels":{"app":"web"}},)"
    R"("spec":{"containers":[{"name":"c","image":"nginx","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"0.5","memory":"1024Mi"}}}]}})";

inline constexpr std::string_view kDeployment =
    R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"default"},)"
    R"("spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},)"
    R"("spec":{"containers":[{"name":"c","image":"nginx:1.25"}]}}}})";

}  // namespace keelson::kinds
