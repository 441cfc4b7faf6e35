#include "core/testing/documents.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "core/kinds/engine.hpp"
#include "sdk/testing/cluster.hpp"

namespace keelson::testing {

namespace json = boost::json;

namespace {

std::string content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Failure("cannot read " + file);
  return {std::istreambuf_iterator<char>(in), {}};
}

void add_document(const std::string& text, std::vector<json::value>& out) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return;
  auto value = kinds::parse(kinds::Media::yaml, text, {});
  if (!value) throw Failure(value.error().message);
  if (!value->is_null()) out.push_back(std::move(*value));
}

}  // namespace

std::vector<json::value> documents(const std::string& file_or_text) {
  const auto text = file_or_text.find('\n') == std::string::npos ? content_of(file_or_text) : file_or_text;
  std::vector<json::value> all;
  std::string document;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    if (line == "---") {
      add_document(document, all);
      document.clear();
    } else {
      document += line + "\n";
    }
    at = end + 1;
  }
  add_document(document, all);
  return all;
}

json::value difference(const json::value& from, const json::value& to) {
  json::object patch;
  for (const auto& member : to.as_object()) {
    const auto* before = from.as_object().if_contains(member.key());
    if (before != nullptr && *before == member.value()) continue;
    if (before != nullptr && before->is_object() && member.value().is_object()) patch[member.key()] = difference(*before, member.value());
    else patch[member.key()] = member.value();
  }
  for (const auto& member : from.as_object())
    if (!to.as_object().contains(member.key())) patch[member.key()] = nullptr;
  return patch;
}

namespace {

bool has(const json::value& wanted, const json::value& actual) {
  if (actual.is_string() && wanted.is_string()) return actual.get_string().find(wanted.get_string()) != std::string::npos;
  if (!actual.is_array()) return false;
  if (wanted.is_array()) return std::all_of(wanted.get_array().begin(), wanted.get_array().end(), [&](const auto& one) { return has(one, actual); });
  const auto& elements = actual.get_array();
  return std::any_of(elements.begin(), elements.end(), [&](const auto& element) { return mismatch(wanted, element).empty(); });
}

/// nullopt: `expected` is no {$has: ..} or {$not: ..}.
std::optional<bool> special(const json::value& expected, const json::value& actual) {
  const auto* object = expected.if_object();
  if (object == nullptr || object->size() != 1) return std::nullopt;
  if (const auto* wanted = object->if_contains("$has")) return has(*wanted, actual);
  if (const auto* unwanted = object->if_contains("$not")) return !mismatch(*unwanted, actual).empty();
  if (const auto* least = object->if_contains("$atLeast")) return actual.is_number() && actual.to_number<double>() >= least->to_number<double>();
  if (const auto* most = object->if_contains("$atMost")) return actual.is_number() && actual.to_number<double>() <= most->to_number<double>();
  return std::nullopt;
}

}  // namespace

std::string mismatch(const json::value& expected, const json::value& actual, const std::string& path) {
  if (const auto holds = special(expected, actual)) return *holds ? "" : path + ": expected " + json::serialize(expected) + ", found " + json::serialize(actual);
  if (expected.is_object()) {
    if (!actual.is_object()) return path + ": expected an object, found " + json::serialize(actual);
    for (const auto& member : expected.get_object()) {
      const auto inner = path + "." + std::string(member.key());
      const auto* found = actual.get_object().if_contains(member.key());
      if (found == nullptr && (member.value().is_null() || special(member.value(), nullptr).value_or(false))) continue;
      if (found == nullptr) return inner + ": absent, expected " + json::serialize(member.value());
      if (auto wrong = mismatch(member.value(), *found, inner); !wrong.empty()) return wrong;
    }
    return {};
  }
  if (expected.is_array()) {
    if (!actual.is_array() || actual.get_array().size() != expected.get_array().size()) return path + ": expected " + json::serialize(expected) + ", found " + json::serialize(actual);
    for (std::size_t i = 0; i < expected.get_array().size(); ++i)
      if (auto wrong = mismatch(expected.get_array()[i], actual.get_array()[i], path + "[" + std::to_string(i) + "]"); !wrong.empty()) return wrong;
    return {};
  }
  if (expected.is_number() && actual.is_number()) {
    if (expected.to_number<double>() == actual.to_number<double>()) return {};
  } else if (expected == actual) {
    return {};
  }
  return path + ": expected " + json::serialize(expected) + ", found " + json::serialize(actual);
}

}  // namespace keelson::testing
