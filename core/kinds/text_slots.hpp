// Texts with slots: texts that are alike but for times, addresses and names, and what stands in these.
//
// Invariants: a value is where it stands letter by letter, between quotes or escaped quotes, and needs no escape itself.
// Threads: any, nothing shared. Ownership: patterns hold their text; Values refer to texts of whoever has them. Errors: none.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::kinds {

inline constexpr std::size_t kSlotsMax = 32;   ///< of one write
inline constexpr std::size_t kSecondsBytes = 20, kMicrosBytes = 27;   ///< 2006-01-02T15:04:05Z, 2006-01-02T15:04:05.000000Z

/// Values of one form are told apart from one another, and no rule tells them apart otherwise.
enum class Form : std::uint8_t {
  time, micro_time, text,
  address,      ///< IPv4, as it is printed: without zeros before a number
  entry_time,   ///< of an entry of managedFields
  label, subdomain,   ///< as names are: RFC 1123, without a dot and with one
  uid, now,     ///< of the object, of the write
  new_uid,      ///< of an object that the write makes
};
bool has_form(Form form, std::string_view text);

inline constexpr std::size_t kUid = 0, kNow = 1;   ///< slots that each write has

/// Of the slots; no data: not met so far.
using Values = std::array<std::string_view, kSlotsMax>;

/// Whether `value` may stand in `slot`, where values have been met so far; it is kept there.
bool meets(const std::vector<Form>& forms, Values& values, std::size_t slot, std::string_view value);

/// Where a slot stands in a text.
struct Hole {
  std::size_t from, to, slot;
};

/// Of what stands between quotes, or between escaped ones.
std::size_t end_of_text(std::string_view text);

/// A text with slots.
class SlottedText {
 public:
  SlottedText() = default;
  SlottedText(std::string_view text, const std::vector<Hole>& holes);

  /// Takes it off the beginning of `text`; `meets(slot, value)`: whether that may stand there.
  template <class Meets>
  bool take_front(std::string_view& text, const Meets& meets) const;
  /// The same at its end.
  template <class Meets>
  bool take_back(std::string_view& text, const Meets& meets) const;

  bool has_slots() const { return !pieces_.empty(); }
  std::size_t size(const Values& values) const;
  void put(std::string& out, const Values& values) const;

 private:
  struct Piece {
    std::string before;
    std::size_t slot;
  };
  std::vector<Piece> pieces_;
  std::string rest_;
};

struct Slot {
  Form form;
  std::string value{}, marker{};   ///< what stands there, and another value of its form that no other slot has
};

/// The slots of one write.
class Slots {
 public:
  Slots(std::string_view uid, std::string_view now) : all_{{Form::uid, std::string(uid), std::string(uid)}, {Form::now, std::string(now)}} {}
  /// Of a write that makes an object.
  static Slots of_new(std::string_view uid, std::string_view now);

  bool has_room() const { return all_.size() < kSlotsMax; }
  /// The slot of that value; each entry has one of its own.
  std::size_t add(Form form, std::string_view value);
  const std::vector<Slot>& all() const { return all_; }
  std::vector<Form> forms() const;

  /// The times of entries and of the write in their order, which their markers have, too.
  std::vector<std::size_t> order_times();
  std::int64_t marked_now_unix_s() const { return marked_now_unix_s_; }

  /// The text with markers in place of values.
  std::string marked(std::string_view text, const std::vector<Hole>& holes) const;
  /// Of a text in which markers stand.
  SlottedText pattern(std::string_view text) const;

 private:
  std::vector<Slot> all_;
  std::int64_t marked_now_unix_s_ = 0;
};

template <class Meets>
bool SlottedText::take_front(std::string_view& text, const Meets& meets) const {
  for (const auto& piece : pieces_) {
    if (!text.starts_with(piece.before)) return false;
    text.remove_prefix(piece.before.size());
    const auto value = text.substr(0, end_of_text(text));
    if (!meets(piece.slot, value)) return false;
    text.remove_prefix(value.size());
  }
  if (!text.starts_with(rest_)) return false;
  text.remove_prefix(rest_.size());
  return true;
}

template <class Meets>
bool SlottedText::take_back(std::string_view& text, const Meets& meets) const {
  const auto take = [&text](std::string_view part) {
    if (!text.ends_with(part)) return false;
    text.remove_suffix(part.size());
    return true;
  };
  if (!take(rest_)) return false;
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    const auto quote = text.rfind('"');
    const auto value = quote == std::string_view::npos ? std::string_view() : text.substr(quote + 1);
    if (!meets(piece->slot, value)) return false;
    text.remove_suffix(value.size());
    if (!take(piece->before)) return false;
  }
  return true;
}

}  // namespace keelson::kinds
