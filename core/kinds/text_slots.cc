#include "core/kinds/text_slots.hpp"

#include <algorithm>

#include "core/base/instant.hpp"
#include "core/kinds/managed/managed_fields.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kLabelBytesMax = 63, kSubdomainBytesMax = 253;
constexpr std::int64_t kMarkedUnix_s = 883'612'800;   // entries' times begin there: with the least

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'; });
}

bool is_ipv4(std::string_view text) {
  int parts = 0;
  for (;; text.remove_prefix(1)) {
    std::size_t digits = 0;
    int number = 0;
    while (digits < text.size() && digits < 4 && text[digits] >= '0' && text[digits] <= '9') number = number * 10 + (text[digits++] - '0');
    if (digits == 0 || number > 255 || (digits > 1 && text.front() == '0')) return false;
    text.remove_prefix(digits);
    if (++parts == 4) return text.empty();
    if (text.empty() || text.front() != '.') return false;
  }
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// Letters and dashes, and dots between labels, of which there are some.
bool is_name(std::string_view text, std::size_t bytes_max, bool has_dots) {
  if (text.empty() || text.size() > bytes_max || !is_letter(text.back())) return false;
  bool dotted = false;
  char before = '.';
  for (const char c : text) {
    const bool is_dot = c == '.';
    if (!is_letter(c) && (before == '.' || (!is_dot && c != '-') || (is_dot && before == '-'))) return false;
    dotted |= is_dot;
    before = c;
  }
  return dotted == has_dots;
}

bool is_time(std::string_view text, std::size_t bytes) {
  if (text.size() != bytes || text[10] != 'T' || text.back() != 'Z' || (bytes == kMicrosBytes && text[19] != '.')) return false;
  return base::parse_time(text).has_value();
}

/// Another value of that form, of which none begins another.
std::string marker(Form form, std::size_t number) {
  const std::string digits = {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
  switch (form) {
    case Form::time: return "1997-01-02T03:04:" + digits + "Z";
    case Form::micro_time: return "1997-01-02T03:04:05.0000" + digits + "Z";
    case Form::address: return "203.0.113.1" + digits;
    case Form::label: return "kept-value-" + digits;
    case Form::subdomain: return "kept.value-" + digits;
    case Form::new_uid: return "00000000-0000-4000-8000-0000000000" + digits;
    default: return "kept://value-" + digits;
  }
}

}  // namespace

bool has_form(Form form, std::string_view text) {
  switch (form) {
    case Form::time: case Form::entry_time: case Form::now: return is_time(text, kSecondsBytes);
    case Form::micro_time: return is_time(text, kMicrosBytes);
    case Form::address: return is_ipv4(text);
    case Form::label: return is_name(text, kLabelBytesMax, false);
    case Form::subdomain: return is_name(text, kSubdomainBytesMax, true);
    case Form::text: case Form::uid: case Form::new_uid: return is_plain(text);
  }
  return false;
}

bool meets(const std::vector<Form>& forms, Values& values, std::size_t slot, std::string_view value) {
  if (values[slot].data()) return values[slot] == value;
  if (!has_form(forms[slot], value)) return false;
  if (forms[slot] != Form::entry_time)
    for (std::size_t i = 0; i < forms.size(); ++i)
      if (forms[i] == forms[slot] && values[i] == value) return false;
  values[slot] = value;
  return true;
}

std::size_t end_of_text(std::string_view text) {
  return static_cast<std::size_t>(std::find_if(text.begin(), text.end(), [](char c) { return c == '"' || c == '\\'; }) - text.begin());
}

SlottedText::SlottedText(std::string_view text, const std::vector<Hole>& holes) {
  std::size_t from = 0;
  for (const auto& hole : holes) {
    pieces_.push_back({std::string(text.substr(from, hole.from - from)), hole.slot});
    from = hole.to;
  }
  rest_ = text.substr(from);
}

std::size_t SlottedText::size(const Values& values) const {
  std::size_t out = rest_.size();
  for (const auto& piece : pieces_) out += piece.before.size() + values[piece.slot].size();
  return out;
}

void SlottedText::put(std::string& out, const Values& values) const {
  for (const auto& piece : pieces_) out.append(piece.before).append(values[piece.slot]);
  out.append(rest_);
}

Slots Slots::of_new(std::string_view uid, std::string_view now) {
  Slots out(uid, now);
  out.all_[kUid].form = Form::new_uid;
  out.all_[kUid].marker = marker(Form::new_uid, kUid);
  return out;
}

std::vector<Form> Slots::forms() const {
  std::vector<Form> out;
  for (const auto& slot : all_) out.push_back(slot.form);
  return out;
}

std::size_t Slots::add(Form form, std::string_view value) {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const Slot& slot) { return slot.form == form && slot.value == value; });
  if (found != all_.end() && form != Form::entry_time) return static_cast<std::size_t>(found - all_.begin());
  all_.push_back({form, std::string(value), form == Form::entry_time ? std::string() : marker(form, all_.size())});
  return all_.size() - 1;
}

std::vector<std::size_t> Slots::order_times() {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all_.size(); ++i)
    if (all_[i].form == Form::entry_time || all_[i].form == Form::now) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return all_[a].value < all_[b].value; });
  std::int64_t unix_s = kMarkedUnix_s;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && all_[order[i]].value != all_[order[i - 1]].value) ++unix_s;
    all_[order[i]].marker = utc_text(unix_s);
    if (order[i] == kNow) marked_now_unix_s_ = unix_s;
  }
  return order;
}

std::string Slots::marked(std::string_view text, const std::vector<Hole>& holes) const {
  std::string out;
  std::size_t from = 0;
  for (const auto& hole : holes) {
    out.append(text.substr(from, hole.from - from)).append(all_[hole.slot].marker);
    from = hole.to;
  }
  return out.append(text.substr(from));
}

SlottedText Slots::pattern(std::string_view text) const {
  std::vector<Hole> holes;
  for (std::size_t at = 0; at < text.size();) {
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const Slot& slot) { return slot.form != Form::uid && text.substr(at).starts_with(slot.marker); });
    if (found == all_.end()) {
      ++at;
      continue;
    }
    holes.push_back({at, at + found->marker.size(), static_cast<std::size_t>(found - all_.begin())});
    at = holes.back().to;
  }
  return {text, holes};
}

}  // namespace keelson::kinds
