#include <algorithm>

#include "core/kinds/aliases.hpp"
#include "core/kinds/builtin.hpp"
#include "core/kinds/conform.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/managed/typed.hpp"
#include "core/kinds/parse.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kSummaryBytes = 30;   // how much of a body that makes no sense is shown

std::string summary(std::string_view body) {
  if (body.empty()) return "<empty>";
  const auto shown = body.substr(0, kSummaryBytes);
  std::string text;
  if (body[0] == '{') {
    text = shown;
  } else {
    constexpr char hex[] = "0123456789abcdef";
    for (const unsigned char c : shown) text += {hex[c >> 4], hex[c & 15]};
  }
  return body.size() > kSummaryBytes ? text + " ..." : text;
}

base::Error unrecognized(const Kind& kind, const std::string& why, std::string_view body) {
  return base::bad_request("the object provided is unrecognized (must be of type " + kind.kind + "): " + why + " (" + summary(body) + ")");
}

base::Error cannot_be_handled(const Kind& kind, std::string_view given_kind, std::string_view version, const std::string& why) {
  return base::bad_request(std::string(given_kind) + " in version \"" + std::string(version) + "\" cannot be handled as a " + kind.kind + ": " + why);
}

std::string_view version_of(std::string_view api_version) {
  const auto slash = api_version.rfind('/');
  return slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
}

std::string_view package_of(const Kind& kind) {
  if (!kind.type) return kind.group;
  const auto name = kind.type->name;
  return name.substr(0, name.find('/'));
}

/// Whether upstream's servers know the kind, in this version or in an older one of its group.
bool registered(std::string_view api_version, std::string_view name) {
  const auto slash = api_version.find('/');
  const auto group = slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
  const bool stable = api_version.find("alpha") == std::string_view::npos && api_version.find("beta") == std::string_view::npos;
  const auto kinds = builtin_kinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const BuiltinKind& kind) {
    if (kind.kind != name) return false;
    if (group == "extensions") return true;
    return kind.group == group && (!group.empty() && !stable ? true : kind.version == api_version.substr(slash == std::string_view::npos ? 0 : slash + 1));
  });
}

// Fills or checks apiVersion and kind.
std::optional<base::Error> settle_type(const Kind& kind, json::object& object, std::string_view body) {
  const bool custom = kind.strategy.custom_resource;
  for (const std::string_view name : {"kind", "apiVersion"}) {
    auto& value = object[name];
    if (value.is_null()) value = "";
    if (!value.is_string())
      return unrecognized(kind, "couldn't get version/kind; json parse error: json: cannot unmarshal " + std::string(go_word(value)) +
                                    " into Go struct field ." + std::string(name) + " of type string", body);
    if (!value.get_string().empty()) continue;
    if (custom && name == "kind") return unrecognized(kind, "Object 'Kind' is missing in '" + std::string(body) + "'", body);
    if (!custom) value = name == "kind" ? kind.kind : kind.api_version();
  }
  const auto given_kind = text_of(&object["kind"]), given_version = text_of(&object["apiVersion"]);
  const auto expected = kind.api_version();
  const bool served = given_version == expected ||
                      std::any_of(kind.other_versions.begin(), kind.other_versions.end(), [&](const std::string& other) {
                        return given_version == (kind.group.empty() ? other : kind.group + "/" + other);
                      });
  if (given_kind == kind.kind && served) return std::nullopt;
  if (!custom && !registered(given_version, given_kind))
    return cannot_be_handled(kind, given_kind, version_of(given_version), "no kind \"" + std::string(given_kind) + "\" is registered for version \"" + std::string(given_version) +
                                                                               "\" in scheme \"pkg/runtime/scheme.go:111\"");
  if (given_kind != kind.kind)
    return cannot_be_handled(kind, given_kind, version_of(given_version),
                             "converting (" + std::string(version_of(given_version)) + "." + std::string(given_kind) + ") to (" +
                                 std::string(package_of(kind)) + "." + kind.kind + "): unknown conversion");
  return base::bad_request("the API version in the data (" + std::string(given_version) + ") does not match the expected API version (" + expected + ")");
}

/// What is applied says itself what it is.
std::optional<base::Error> other_type(const Kind& kind, const json::object& applied) {
  const auto given_kind = text_of(applied.if_contains("kind")), given_version = text_of(applied.if_contains("apiVersion"));
  if (given_kind == kind.kind && given_version == kind.api_version()) return std::nullopt;
  const auto slash = given_version.find('/');
  const auto group = slash == std::string_view::npos ? std::string_view() : given_version.substr(0, slash);
  return base::bad_request("invalid object type: " + std::string(group) + "/" + std::string(given_version.substr(slash == std::string_view::npos ? 0 : slash + 1)) +
                           ", Kind=" + std::string(given_kind));
}

base::Error strict_error(const Kind& kind, const std::vector<std::string>& complaints) {
  std::string all;
  for (const auto& complaint : complaints) all += (all.empty() ? "" : ", ") + complaint;
  return cannot_be_handled(kind, kind.kind, kind.version, "strict decoding error: " + all);
}

/// Duplicates are found while a body is parsed. Go's JSON decoder finds both in one pass over a built-in kind: there, unknown fields go first.
base::Outcome<Decoded> conform_all(const Kind& kind, json::value&& value, FieldValidation mode, std::vector<std::string> duplicates, bool one_pass, std::string_view body) {
  if (value.is_null() && !kind.strategy.custom_resource) value.emplace_object();
  if (!value.is_object())
    return unrecognized(kind, "couldn't get version/kind; json parse error: json: cannot unmarshal " + std::string(go_word(value)) +
                                  " into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }", body);
  if (auto wrong = settle_type(kind, value.get_object(), body)) return std::move(*wrong);
  Conformed result = conform(kind, value, mode != FieldValidation::ignore);
  if (!result.fault.empty()) return cannot_be_handled(kind, kind.kind, kind.version, result.fault);
  auto complaints = one_pass ? std::move(result.unknown) : std::move(duplicates);
  auto& rest = one_pass ? duplicates : result.unknown;
  std::move(rest.begin(), rest.end(), std::back_inserter(complaints));
  if (complaints.size() > kComplaintsMax) complaints.resize(kComplaintsMax);
  if (mode == FieldValidation::strict && !complaints.empty()) return strict_error(kind, complaints);
  fold_aliases(kind, value.get_object());
  Decoded decoded{std::move(value), {}};
  if (mode == FieldValidation::warn) decoded.warnings = std::move(complaints);
  return decoded;
}

std::size_t depth_of(const json::value& value) {
  std::size_t deepest = 0;
  if (const auto* object = value.if_object())
    for (const auto& member : *object) deepest = std::max(deepest, depth_of(member.value()));
  else if (const auto* list = value.if_array())
    for (const auto& element : *list) deepest = std::max(deepest, depth_of(element));
  else
    return 0;
  return deepest + 1;
}

/// What a patch makes may be no deeper than what is sent whole; metadata speaks of the rest and is as deep as it has to be.
bool too_deep(const json::value& object) {
  const auto* members = object.if_object();
  return members && std::any_of(members->begin(), members->end(), [](const auto& member) { return member.key() != "metadata" && depth_of(member.value()) >= kNestingMax; });
}

base::Outcome<Parsed> parse_body(const Kind& kind, Media media, std::string_view body, json::storage_ptr memory) {
  if (body.size() > kBodyBytesMax)
    return base::request_too_large("Request entity too large: limit is " + std::to_string(kBodyBytesMax));
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return unrecognized(kind, "Object 'Kind' is missing in '" + std::string(body) + "'", body);
  auto parsed = media == Media::json ? parse_json(body, std::move(memory)) : parse_yaml(body, std::move(memory));
  if (parsed.depth > kNestingMax) parsed.fault = "exceeded max depth";
  if (!parsed.fault.empty())
    return unrecognized(kind, (media == Media::json ? "couldn't get version/kind; json parse error: " : "") + parsed.fault, body);
  return parsed;
}

/// As Go's YAML reports keys that it has met before: one heading, a line each.
std::string strict_yaml_error(const std::vector<std::string>& duplicates) {
  std::string text = "error converting YAML to JSON: ";
  for (const auto& duplicate : duplicates) {
    const auto line = duplicate.find('\n');
    text += &duplicate == &duplicates.front() || line == std::string::npos ? duplicate : duplicate.substr(line);
  }
  return text;
}

}  // namespace

base::Outcome<json::value> parse(Media media, std::string_view body, json::storage_ptr memory) {
  if (body.size() > kBodyBytesMax)
    return base::request_too_large("Request entity too large: limit is " + std::to_string(kBodyBytesMax));
  auto parsed = media == Media::json ? parse_json(body, memory) : parse_yaml(body, memory);
  if (!parsed.fault.empty()) return base::bad_request(parsed.fault);
  return std::move(parsed.value);
}

base::Outcome<Decoded> decode(const Kind& kind, Media media, std::string_view body, FieldValidation mode, json::storage_ptr memory) {
  auto parsed = parse_body(kind, media, body, std::move(memory));
  if (!parsed) return parsed.error();
  return conform_all(kind, std::move(parsed->value), mode, std::move(parsed->duplicates), media == Media::json && !kind.strategy.custom_resource, body);
}

base::Outcome<Decoded> decode_applied(const Kind& kind, Media media, std::string_view body, FieldValidation mode, json::storage_ptr memory) {
  auto parsed = parse_body(kind, media, body, std::move(memory));
  if (!parsed) return parsed.error();
  if (parsed->value.is_null()) parsed->value.emplace_object();
  if (auto* object = parsed->value.if_object())
    if (auto wrong = other_type(kind, *object)) return std::move(*wrong);
  if (parsed->value.is_object() && kind.type) {
    if (const auto errors = type_errors(*kind.type, parsed->value); !errors.empty()) return no_typed_patch(parsed->value, errors);
  }
  auto decoded = conform_all(kind, std::move(parsed->value), FieldValidation::ignore, {}, false, body);
  if (decoded && mode != FieldValidation::ignore && !parsed->duplicates.empty()) decoded->warnings.push_back(strict_yaml_error(parsed->duplicates));
  return decoded;
}

base::Outcome<Decoded> decode_value(const Kind& kind, json::value value, FieldValidation mode) {
  if (too_deep(value)) return base::bad_request("exceeded max depth");
  return conform_all(kind, std::move(value), mode, {}, false, "");
}

}  // namespace keelson::kinds
