#include "core/cel/escape.hpp"

#include <algorithm>
#include <array>

namespace keelson::cel {
namespace {

using namespace std::string_view_literals;

constexpr std::array kReserved = {"as"sv,     "break"sv, "const"sv,     "continue"sv, "else"sv,   "false"sv, "for"sv,
                                  "function"sv, "if"sv,  "import"sv,    "in"sv,       "let"sv,    "loop"sv,  "namespace"sv,
                                  "null"sv,   "package"sv, "return"sv,  "true"sv,     "var"sv,    "void"sv,  "while"sv};

bool plain(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

std::string_view spelled(char c) { return c == '.' ? "__dot__" : c == '-' ? "__dash__" : c == '/' ? "__slash__" : ""; }

bool sequence(std::string_view word, bool alone, std::string& name) {
  if (word == "underscores") name += "__";
  else if (word == "dot") name += '.';
  else if (word == "dash") name += '-';
  else if (word == "slash") name += '/';
  else if (alone && reserved(word)) name += word;
  else return false;
  return true;
}

}  // namespace

bool reserved(std::string_view word) { return std::binary_search(kReserved.begin(), kReserved.end(), word); }

bool escape(std::string_view name, std::string& identifier) {
  identifier.clear();
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  if (reserved(name)) {
    identifier.append("__").append(name).append("__");
    return true;
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '_' && i + 1 < name.size() && name[i + 1] == '_') {
      identifier += "__underscores__";
      ++i;
    } else if (plain(name[i])) {
      identifier += name[i];
    } else if (const auto word = spelled(name[i]); !word.empty()) {
      identifier += word;
    } else {
      return false;
    }
  }
  return true;
}

bool unescape(std::string_view identifier, std::string& name) {
  name.clear();
  for (std::size_t i = 0; i < identifier.size();) {
    if (identifier.substr(i, 2) == "__") {
      const auto begin = i + 2;
      const auto end = identifier.find('_', begin);
      if (end != std::string_view::npos && end > begin && identifier.substr(end, 2) == "__") {
        const bool alone = i == 0 && end + 2 == identifier.size();
        if (!sequence(identifier.substr(begin, end - begin), alone, name)) return false;
        i = end + 2;
        continue;
      }
    }
    name += identifier[i++];
  }
  return true;
}

}  // namespace keelson::cel
