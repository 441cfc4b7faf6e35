#include "core/api/text.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <map>

#include "core/base/json_value.hpp"

namespace keelson::api {
namespace {

namespace json = boost::json;

std::size_t skip_blank(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r')) ++at;
  return at;
}

// `at` is on the opening quote; returns the place after the closing one.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

std::size_t skip_value(std::string_view text, std::size_t at) {
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    }
    if (depth == 0 && c == ',') return at;
    ++at;
  }
  return at;
}

bool plain_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '/' || c == '_' || c == '.'; }

bool reserved_word(std::string_view text) {
  static constexpr std::string_view words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "True", "False", "Null", "Yes", "No", "On", "Off",
                                               "Y", "N", "TRUE", "FALSE", "NULL", "YES", "NO", "ON", "OFF", "~", ".inf", ".nan", ".NaN", ".Inf", ".INF", ".NAN"};
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

// Safe to write without quotes: reads back as the same string in YAML 1.1 and 1.2.
bool plain(std::string_view text) {
  if (text.empty() || !plain_start(text.front()) || reserved_word(text) || text.back() == ' ' || text.back() == ':') return false;
  if (text.front() == '.' && text.size() > 1 && std::isdigit(static_cast<unsigned char>(text[1]))) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f || c >= 0x80) return false;
    if (c == ':' && (i + 1 == text.size() || text[i + 1] == ' ')) return false;
    if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
  }
  return true;
}

bool block_literal(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n') return false;
  for (const unsigned char c : text)
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || c == '\r') return false;
  return true;
}

class YamlPrinter {
 public:
  std::string out;

  void value(const json::value& value, int indent) {
    if (value.is_object() && !value.as_object().empty()) return object(value.as_object(), indent);
    if (value.is_array() && !value.as_array().empty()) return array(value.as_array(), indent);
    scalar(value, indent);
    out += '\n';
  }

 private:
  void pad(int indent) { out.append(static_cast<std::size_t>(indent), ' '); }

  static bool nested(const json::value& value) {
    return (value.is_object() && !value.as_object().empty()) || (value.is_array() && !value.as_array().empty());
  }

  // `inline_first`: the first line continues after "- ".
  void object(const json::object& object, int indent, bool inline_first = false) {
    std::map<std::string_view, const json::value*> sorted;
    for (const auto& [key, child] : object) sorted.emplace(std::string_view(key.data(), key.size()), &child);
    for (const auto& [key, child] : sorted) {
      if (!std::exchange(inline_first, false)) pad(indent);
      text(key, indent);
      out += ':';
      if (!nested(*child)) {
        out += ' ';
        scalar(*child, indent + 2);
        out += '\n';
        continue;
      }
      out += '\n';
      value(*child, child->is_array() ? indent : indent + 2);
    }
  }

  void array(const json::array& array, int indent) {
    for (const auto& child : array) {
      pad(indent);
      out += "- ";
      if (child.is_object() && !child.as_object().empty()) {
        this->object(child.as_object(), indent + 2, true);
      } else if (nested(child)) {
        out.pop_back();
        out += '\n';
        value(child, indent + 2);
      } else {
        scalar(child, indent + 2);
        out += '\n';
      }
    }
  }

  void scalar(const json::value& value, int indent) {
    if (value.is_string()) return text({value.as_string().data(), value.as_string().size()}, indent);
    out += json::serialize(value);
  }

  void text(std::string_view text, int indent) {
    if (plain(text)) {
      out += text;
    } else if (!text.empty() && block_literal(text)) {
      literal(text, indent);
    } else {
      append_quoted(out, text);   // JSON strings are YAML strings
    }
  }

  void literal(std::string_view text, int indent) {
    out += text.ends_with("\n\n") ? "|+" : text.back() == '\n' ? "|" : "|-";
    std::string_view rest = text;
    if (rest.back() == '\n') rest.remove_suffix(1);
    while (true) {
      const auto end = rest.find('\n');
      const auto line = rest.substr(0, end);
      out += '\n';
      if (!line.empty()) {
        pad(indent);
        out += line;
      }
      if (end == std::string_view::npos) break;
      rest = rest.substr(end + 1);
    }
  }
};

}  // namespace

std::string_view member(std::string_view text, std::string_view key) {
  auto at = skip_blank(text, 0);
  if (at >= text.size() || text[at] != '{') return {};
  ++at;
  while (true) {
    at = skip_blank(text, at);
    if (at >= text.size() || text[at] != '"') return {};
    const auto name_end = skip_string(text, at);
    const auto name = text.substr(at + 1, name_end - at - 2);
    at = skip_blank(text, name_end);
    if (at >= text.size() || text[at] != ':') return {};
    at = skip_blank(text, at + 1);
    const auto end = skip_value(text, at);
    if (name == key) return text.substr(at, end - at);
    at = skip_blank(text, end);
    if (at >= text.size() || text[at] != ',') return {};
    ++at;
  }
}

void append_quoted(std::string& out, std::string_view text) { out += json::serialize(json::string_view(text.data(), text.size())); }

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

std::string pretty_json(std::string_view compact) {
  std::string out;
  int depth = 0;
  const auto line = [&] {
    out += '\n';
    out.append(static_cast<std::size_t>(depth) * 2, ' ');
  };
  for (std::size_t at = 0; at < compact.size();) {
    const char c = compact[at];
    if (c == '"') {
      const auto end = skip_string(compact, at);
      out += compact.substr(at, end - at);
      at = end;
      continue;
    }
    ++at;
    if (c == '{' || c == '[') {
      out += c;
      const auto next = skip_blank(compact, at);
      if (next < compact.size() && (compact[next] == '}' || compact[next] == ']')) {
        out += compact[next];
        at = next + 1;
        continue;
      }
      ++depth;
      line();
    } else if (c == '}' || c == ']') {
      --depth;
      line();
      out += c;
    } else if (c == ',') {
      out += c;
      line();
    } else if (c == ':') {
      out += ": ";
    } else if (c != ' ' && c != '\n') {
      out += c;
    }
  }
  return out;
}

std::string to_yaml(const json::value& value) {
  YamlPrinter printer;
  printer.value(value, 0);
  return std::move(printer.out);
}

std::string json_to_yaml(std::string_view text) { return to_yaml(base::json_of(text)); }

std::string fnv64_hex(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += digits[(hash >> shift) & 15];
  return out;
}

}  // namespace keelson::api
