// Regular expressions, by RE2: their time grows linearly with the text.
#include <re2/re2.h>

#include <optional>
#include <string>

#include "core/cel/function.hpp"

namespace keelson::cel {
namespace {

constexpr std::int64_t kPatternMemoryBytesMax = 2 << 20;

re2::RE2::Options pattern_options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemoryBytesMax);
  return options;
}

// Go's words for what is wrong with a pattern.
std::string fault_text(const re2::RE2& pattern) {
  std::string text = pattern.error();
  static constexpr std::pair<const char*, const char*> kWords[] = {
      {"missing ): ", "missing closing ): "}, {"missing ]: ", "missing closing ]: "}, {"no argument for repetition operator: ", "missing argument to repetition operator: "},
      {"invalid repetition size: ", "invalid repeat count: "}, {"bad repetition operator: ", "invalid nested repetition operator: "},
      {"invalid perl operator: ", "invalid or unsupported Perl syntax: "}, {"invalid named capture group: ", "invalid named capture: "}};
  for (const auto& [from, to] : kWords)
    if (text.rfind(from, 0) == 0) text = to + text.substr(std::string_view(from).size());
  const auto colon = text.find(": ");
  if (colon != std::string::npos) text = text.substr(0, colon + 2) + '`' + text.substr(colon + 2) + '`';
  return "error parsing regexp: " + text;
}

// The pattern of a call: compiled with the program when it is a constant, now otherwise.
class Pattern {
 public:
  Pattern(const Call& call, std::size_t index) : given_(call.pattern) {
    if (given_ == nullptr) own_.emplace(re2::StringPiece(call[index].text, call[index].length), pattern_options());
  }
  const re2::RE2& get() const { return given_ != nullptr ? *given_ : *own_; }

 private:
  const re2::RE2* given_;
  std::optional<re2::RE2> own_;
};

re2::StringPiece piece(const Value& value) { return {value.text, value.length}; }

Value matches(const Call& call) {
  if (!are(call, {Kind::string, Kind::string})) return no_such_overload(call, "matches");
  const Pattern pattern(call, 1);
  if (!pattern.get().ok()) return call.error(fault_text(pattern.get()));
  return Value::of(re2::RE2::PartialMatch(piece(call[0]), pattern.get()));
}

Value find(const Call& call) {
  if (!are(call, {Kind::string, Kind::string})) return no_such_overload(call, "find");
  const Pattern pattern(call, 1);
  if (!pattern.get().ok()) return call.error("Illegal regex: " + fault_text(pattern.get()));
  re2::StringPiece found;
  const bool any = pattern.get().Match(piece(call[0]), 0, call[0].length, re2::RE2::UNANCHORED, &found, 1);
  return Value::string(any ? std::string_view(found.data(), found.size()) : std::string_view{});
}

Value find_all(const Call& call) {
  const bool limited = are(call, {Kind::string, Kind::string, Kind::int64});
  if (!limited && !are(call, {Kind::string, Kind::string})) return no_such_overload(call, "findAll");
  const Pattern pattern(call, 1);
  if (!pattern.get().ok()) return call.error("Illegal regex: " + fault_text(pattern.get()));
  auto left = limited ? call[2].integer : -1;
  const auto* out = ArrayList::make({}, call.arena);
  const auto text = piece(call[0]);
  std::size_t at = 0;
  const char* last_end = nullptr;
  for (re2::StringPiece found; left != 0 && at <= text.size() && pattern.get().Match(text, at, text.size(), re2::RE2::UNANCHORED, &found, 1);) {
    const auto begin = static_cast<std::size_t>(found.data() - text.data());
    // An empty match right after the last one does not count.
    if (!found.empty() || found.data() != last_end) {
      out = out->append(Value::string({found.data(), found.size()}), call.arena);
      if (left > 0) --left;
    }
    last_end = found.data() + found.size();
    at = begin + found.size() + found.empty();
    while (found.empty() && at < text.size() && (text[at] & 0xC0) == 0x80) ++at;
  }
  return Value::of(static_cast<const List*>(out));
}

constexpr Overload kRegex[] = {
    {"matches", "matches", "string,string:bool", Cost::matches, matches},
    {"matches", "matches_string", ".string,string:bool", Cost::matches, matches},
    {"find", "string_find_string", ".string,string:string", Cost::find, find},
    {"findAll", "string_find_all_string", ".string,string:list<string>", Cost::find, find_all},
    {"findAll", "string_find_all_string_int", ".string,string,int:list<string>", Cost::find, find_all},
};

}  // namespace

Library regex_library() { return kRegex; }

std::string pattern_fault(std::string_view pattern) {
  const re2::RE2 compiled(re2::StringPiece(pattern.data(), pattern.size()), pattern_options());
  return compiled.ok() ? std::string() : fault_text(compiled);
}

}  // namespace keelson::cel
