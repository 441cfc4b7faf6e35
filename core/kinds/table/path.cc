#include "core/kinds/table/path.hpp"

#include <charconv>
#include <optional>

#include "core/kinds/json_access.hpp"

namespace keelson::kinds {
namespace {

// One step of a path: a member, [n], [*] or a filter [?(@.a.b=="text")].
struct Step {
  enum class Form { member, index, all, equals } form = Form::member;
  std::string_view name;    // of the member; path within the element for filters
  std::string_view wanted;  // by the filter
  int index = 0;
  bool negated = false;
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string_view unquote(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front()) return text.substr(1, text.size() - 2);
  return text;
}

std::optional<Step> read_filter(std::string_view inside) {
  if (!inside.starts_with("?(") || !inside.ends_with(")")) return std::nullopt;
  inside = trim(inside.substr(2, inside.size() - 3));
  if (!inside.starts_with("@.")) return std::nullopt;
  auto at = inside.find("==");
  const bool negated = at == std::string_view::npos;
  if (negated) at = inside.find("!=");
  if (at == std::string_view::npos) return std::nullopt;
  Step step{Step::Form::equals, trim(inside.substr(2, at - 2)), unquote(trim(inside.substr(at + 2)))};
  step.negated = negated;
  return step;
}

// What stands between brackets.
std::optional<Step> read_bracket(std::string_view inside) {
  if (inside == "*") return Step{Step::Form::all, {}, {}};
  if (inside.starts_with("?")) return read_filter(inside);
  if (!inside.empty() && (inside.front() == '\'' || inside.front() == '"')) return Step{Step::Form::member, unquote(inside), {}};
  Step step{Step::Form::index, {}, {}};
  const auto [end, fault] = std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
  if (fault != std::errc() || end != inside.data() + inside.size()) return std::nullopt;
  return step;
}

// The bracket that closes the one at the front, outside quotes.
std::size_t closing(std::string_view path) {
  char quote = 0;
  for (std::size_t i = 1; i < path.size(); ++i) {
    if (quote != 0) quote = path[i] == quote ? 0 : quote;
    else if (path[i] == '"' || path[i] == '\'') quote = path[i];
    else if (path[i] == ']') return i;
  }
  return std::string_view::npos;
}

// Removes the first step from `path`.
std::optional<Step> take_step(std::string_view& path) {
  if (path.front() == '[') {
    const auto end = closing(path);
    if (end == std::string_view::npos) return std::nullopt;
    const auto step = read_bracket(path.substr(1, end - 1));
    path.remove_prefix(end + 1);
    return step;
  }
  if (path.front() == '.') path.remove_prefix(1);
  std::size_t end = 0;
  while (end < path.size() && path[end] != '.' && path[end] != '[') end += path[end] == '\\' && end + 1 < path.size() ? 2 : 1;
  if (end == 0) return std::nullopt;
  const Step step{Step::Form::member, path.substr(0, end), {}};
  path.remove_prefix(end);
  return step;
}

std::string without_escapes(std::string_view name) {
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '\\' && i + 1 < name.size()) ++i;
    text += name[i];
  }
  return text;
}

void follow(const Step& step, const json::value& from, std::vector<const json::value*>& to) {
  if (step.form == Step::Form::member) {
    if (step.name == "*") {
      if (const auto* object = from.if_object())
        for (const auto& entry : *object) to.push_back(&entry.value());
      return;
    }
    const bool escaped = step.name.find('\\') != std::string_view::npos;
    if (const auto* found = member(&from, escaped ? std::string_view(without_escapes(step.name)) : step.name)) to.push_back(found);
    return;
  }
  const auto* list = from.if_array();
  if (!list) return;
  const auto size = static_cast<int>(list->size());
  const int index = step.index < 0 ? step.index + size : step.index;
  for (int i = 0; i < size; ++i) {
    const auto& element = (*list)[static_cast<std::size_t>(i)];
    bool chosen = step.form == Step::Form::all || (step.form == Step::Form::index && i == index);
    if (step.form == Step::Form::equals) chosen = (scalar_text(at_path(element, step.name)) == step.wanted) != step.negated;
    if (chosen) to.push_back(&element);
  }
}

}  // namespace

std::vector<const json::value*> find_all(const json::value& object, std::string_view path) {
  if (path.starts_with("{") && path.ends_with("}")) path = path.substr(1, path.size() - 2);
  if (path.starts_with("$")) path.remove_prefix(1);
  std::vector<const json::value*> here{&object};
  while (!path.empty() && !here.empty()) {
    const auto step = take_step(path);
    if (!step) return {};
    std::vector<const json::value*> next;
    for (const auto* value : here) follow(*step, *value, next);
    here = std::move(next);
  }
  return here;
}

const json::value* find_first(const json::value& object, std::string_view path) {
  if (path.starts_with('.') && path.find_first_of("[\\*") == std::string_view::npos) return at_path(object, path.substr(1));
  const auto found = find_all(object, path);
  return found.empty() ? nullptr : found.front();
}

const Type* type_at(const Type& root, std::string_view path) {
  const Type* here = &root;
  while (here && !path.empty()) {
    const auto step = take_step(path);
    if (!step) return nullptr;
    if (step->form != Step::Form::member || here->shape == Shape::map) {
      here = here->element;
      continue;
    }
    const auto* field = find_field(*here, step->name);
    here = field ? field->type : nullptr;
  }
  return here;
}

}  // namespace keelson::kinds
