#include "core/kinds/edit.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>

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

constexpr std::size_t kBlock = 64;

/// Where in a block of text the bytes stand that decide where a value ends: a bit for each.
struct Marks {
  std::uint64_t quotes = 0, backslashes = 0, opening = 0, closing = 0;
};

Marks marks_of(const char* block) {
  Marks out;
#if defined(__SSE2__)
  const auto all = [](char c) { return _mm_set1_epi8(c); };
  for (std::size_t i = 0; i < kBlock; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i));
    const __m128i folded = _mm_or_si128(bytes, all(0x20));   // [ is { then, and ] is }
    const auto where = [i](__m128i equal) { return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(equal))) << i; };
    out.quotes |= where(_mm_cmpeq_epi8(bytes, all('"')));
    out.backslashes |= where(_mm_cmpeq_epi8(bytes, all('\\')));
    out.opening |= where(_mm_cmpeq_epi8(folded, all('{')));
    out.closing |= where(_mm_cmpeq_epi8(folded, all('}')));
  }
#else
  for (std::size_t i = 0; i < kBlock; ++i) {
    const std::uint64_t bit = std::uint64_t(1) << i;
    if (block[i] == '"') out.quotes |= bit;
    if (block[i] == '\\') out.backslashes |= bit;
    if (block[i] == '{' || block[i] == '[') out.opening |= bit;
    if (block[i] == '}' || block[i] == ']') out.closing |= bit;
  }
#endif
  return out;
}

/// Bits that are set behind an odd number of set ones.
std::uint64_t between(std::uint64_t bits) {
  for (int by = 1; by < 64; by *= 2) bits ^= bits << by;
  return bits;
}

/// Quotes that are escaped end nothing. `escaped`: whether the first byte is; then, the first of the next block.
std::uint64_t unescaped_quotes(const Marks& marks, bool& escaped) {
  std::uint64_t quotes = marks.quotes;
  if (escaped) quotes &= ~std::uint64_t(1);
  std::uint64_t left = escaped ? marks.backslashes & ~std::uint64_t(1) : marks.backslashes;
  escaped = false;
  while (left != 0) {
    const std::uint64_t slash = left & -left, next = slash << 1;
    escaped = next == 0;
    quotes &= ~next;
    left &= ~(slash | next);
  }
  return quotes;
}

/// Behind the object or list that begins at `at`.
std::size_t end_of_nested(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  bool escaped = false, inside = false;
  char last[kBlock];
  for (; at < text.size(); at += kBlock) {
    const char* block = text.data() + at;
    if (text.size() - at < kBlock) {
      std::fill(std::copy(block, text.data() + text.size(), last), last + kBlock, '\0');
      block = last;
    }
    const auto marks = marks_of(block);
    const auto in_strings = between(unescaped_quotes(marks, escaped)) ^ (inside ? ~std::uint64_t(0) : 0);
    inside = in_strings >> 63 != 0;
    const auto opening = marks.opening & ~in_strings, closing = marks.closing & ~in_strings;
    for (auto left = opening | closing; left != 0; left &= left - 1) {
      if ((opening & left & -left) != 0) ++depth;
      else if (--depth == 0) return at + static_cast<std::size_t>(__builtin_ctzll(left)) + 1;
    }
  }
  return text.size();
}

}  // namespace

std::size_t end_of_value(std::string_view text, std::size_t at) {
  if (text[at] == '"') return end_of_string(text, at);
  if (text[at] != '{' && text[at] != '[') return std::min(text.find_first_of(",}] ", at), text.size());
  return end_of_nested(text, at);
}

bool PrintedMembers::next() { return next_name() && (take_value(), true); }

bool PrintedMembers::next_name() {
  const auto name = at_ + 1;
  if (name >= text_.size() || text_[name] != '"') return false;
  const auto colon = end_of_string(text_, name);
  if (colon + 1 >= text_.size()) return false;
  name_ = text_.substr(name + 1, colon - name - 2);
  from_ = colon + 1;
  return true;
}

void PrintedMembers::take_value() {
  const auto end = end_of_value(text_, from_);
  value_ = text_.substr(from_, end - from_);
  at_ = std::min(text_.find_first_not_of(' ', end), text_.size());
}

void PrintedMembers::go_behind(const PrintedMembers& inside) { at_ = from_ + (inside.at_ == 0 ? 2 : inside.at_ + 1); }

bool PrintedElements::next() {
  const auto from = at_ + 1;
  if (from >= text_.size() || text_[from] == ']') return false;
  at_ = end_of_value(text_, from);
  value_ = text_.substr(from, at_ - from);
  return true;
}

std::string_view printed_member(std::string_view object, std::string_view name) {
  for (PrintedMembers members(object); members.next();)
    if (members.name() == name) return members.value();
  return {};
}

std::string_view sent_member(std::string_view object, std::string_view name, std::string_view likely) {
  const auto behind_space = [&](std::size_t at) { return std::min(object.find_first_not_of(" \t\r\n", at), object.size()); };
  const auto is = [&](std::size_t at, char c) { return at < object.size() && object[at] == c; };
  std::string_view found;
  auto at = behind_space(0);
  if (!is(at, '{')) return {};
  do {
    const auto key_at = behind_space(at + 1);
    if (!is(key_at, '"')) return {};
    const auto key_end = end_of_string(object, key_at);
    const auto key = object.substr(key_at + 1, key_end - key_at - 2);
    const auto colon = behind_space(key_end), from = behind_space(std::min(colon + 1, object.size()));
    if (!is(colon, ':') || from == object.size() || key.find('\\') != npos) return {};
    const bool is_likely = !likely.empty() && key == name && object.substr(from).starts_with(likely);
    const auto end = is_likely ? from + likely.size() : end_of_value(object, from);
    if (key == name) {
      if (!found.empty() || object[from] != '{') return {};
      found = object.substr(from, end - from);
    }
    at = behind_space(end);
  } while (is(at, ','));
  return is(at, '}') ? found : std::string_view();
}

void MemberSlot::pass(const PrintedMembers& member) {
  if (at_) return;
  if (member.name() == name_) {
    value_ = member.value();
    at_ = value_.data();
  } else if (const auto* field = find_field(*type_, member.name()); field && field > wanted_) {
    at_ = member.name().data() - 1;
  } else {
    first_ = false;
  }
}

void MemberSlot::end(const PrintedMembers& members) {
  if (at_) return;
  at_ = members.behind();
  last_ = true;
}

void MemberSlot::move(const char* here, const char* there) {
  at_ = there + (at_ - here);
  if (!value_.empty()) value_ = {at_, value_.size()};
}

std::string spliced(std::string_view text, std::span<const std::pair<MemberSlot, std::string_view>> slots) {
  std::size_t more = 0, from = 0;
  for (const auto& [slot, value] : slots) more += slot.name_.size() + value.size() + 4;
  std::string out;
  out.reserve(text.size() + more);
  for (const auto& [slot, value] : slots) {
    const auto at = static_cast<std::size_t>(slot.at_ - text.data());
    out.append(text, from, at - from);
    from = at + slot.value_.size();
    if (!slot.value_.empty()) {
      out.append(value);
      continue;
    }
    if (slot.last_ && !slot.first_) out += ',';
    out.append(1, '"').append(slot.name_).append("\":", 2).append(value);
    if (!slot.last_) out += ',';
  }
  return out.append(text, from);
}

}  // namespace keelson::kinds
