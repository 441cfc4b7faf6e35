#include "core/kinds/edit.hpp"

#include <algorithm>
#include <vector>

namespace keelson::kinds {
namespace {

constexpr auto npos = std::string_view::npos;

/// Behind the string that opens at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (auto quote = text.find('"', at + 1); quote != npos; quote = text.find('"', quote + 1)) {
    auto escapes = quote;
    while (text[escapes - 1] == '\\') --escapes;
    if ((quote - escapes) % 2 == 0) return quote + 1;
  }
  return text.size();
}

/// Behind the value that begins at `at`.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  if (text[at] == '"') return end_of_string(text, at);
  if (text[at] != '{' && text[at] != '[') return std::min(text.find_first_of(",}] ", at), text.size());
  for (std::size_t depth = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    else if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return text.size();
}

}  // namespace

bool PrintedMembers::next() {
  const auto name = at_ + 1;
  if (name >= text_.size() || text_[name] != '"') return false;
  const auto colon = end_of_string(text_, name);
  if (colon + 1 >= text_.size()) return false;
  const auto end = end_of_value(text_, colon + 1);
  name_ = text_.substr(name + 1, colon - name - 2);
  value_ = text_.substr(colon + 1, end - colon - 1);
  at_ = std::min(text_.find_first_not_of(' ', end), text_.size());
  return true;
}

std::string_view printed_member(std::string_view object, std::string_view name) {
  for (PrintedMembers members(object); members.next();)
    if (members.name() == name) return members.value();
  return {};
}

std::string without_member(std::string_view object, std::string_view name, std::string_view value) {
  auto from = static_cast<std::size_t>(value.data() - object.data()) - name.size() - 3, to = from + name.size() + 3 + value.size();
  if (object[from - 1] == ',') --from;
  else if (to < object.size() && object[to] == ',') ++to;
  std::string out;
  out.reserve(object.size() - (to - from));
  out.append(object.substr(0, from));
  out.append(object.substr(to));
  return out;
}

std::string edited(const Type& type, std::string_view object, std::span<const Edit> edits) {
  std::size_t more = 0;
  for (const auto& edit : edits) more += edit.name.size() + edit.value.size() + 4;
  std::string out;
  out.reserve(object.size() + more);
  const auto put = [&](std::string_view name, std::string_view value) {
    out += out.empty() ? '{' : ',';
    out += '"';
    out.append(name);
    out.append("\":", 2);
    out.append(value);
  };
  std::vector<bool> done(edits.size());
  const auto put_before = [&](const Field* field) {   // null: the end
    for (std::size_t i = 0; i < edits.size(); ++i)
      if (!done[i] && (!field || find_field(type, edits[i].name) < field)) {
        done[i] = true;
        if (!edits[i].value.empty()) put(edits[i].name, edits[i].value);
      }
  };
  for (PrintedMembers members(object); members.next();) {
    const auto found = std::find_if(edits.begin(), edits.end(), [&](const Edit& edit) { return edit.name == members.name(); });
    if (const auto* field = find_field(type, members.name())) put_before(field);
    if (found == edits.end()) {
      put(members.name(), members.value());
    } else {
      done[static_cast<std::size_t>(found - edits.begin())] = true;
      if (!found->value.empty()) put(found->name, found->value);
    }
  }
  put_before(nullptr);
  if (out.empty()) out += '{';
  out += '}';
  return out;
}

}  // namespace keelson::kinds
