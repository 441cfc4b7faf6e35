#include "core/kinds/time_fault.hpp"

#include <array>
#include <optional>

namespace keelson::kinds {
namespace {

bool digit_at(std::string_view text, std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; }

std::string quoted(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x80) {
      out.append({'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]});
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

int days_in(int month, int year) {
  constexpr std::array kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[static_cast<std::size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

class Reading {
 public:
  Reading(std::string_view text, bool micro) : text_(text), left_(text), layout_(micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00"), micro_(micro) {}

  std::string fault() {
    int year = 0, month = 0, day = 0;
    const bool read = number("2006", 4, year) && mark("-") && number("01", 2, month) && within(month, 1, 12, "month") && mark("-") && number("02", 2, day) && mark("T") && hour() && mark(":") &&
                      sixty("04", "minute") && mark(":") && sixty("05", "second") && fraction() && zone();
    if (!read) return fault_;
    if (!left_.empty()) return "parsing time " + quoted(text_) + ": extra text: " + quoted(left_);
    within(day, 1, days_in(month, year), "day");
    return fault_;
  }

 private:
  bool refuse(std::string_view rest, std::string_view element) {
    fault_ = "parsing time " + quoted(text_) + " as " + quoted(layout_) + ": cannot parse " + quoted(rest) + " as " + quoted(element);
    return false;
  }
  bool within(int number, int least, int most, std::string_view what) {
    if (number >= least && number <= most) return true;
    fault_ = "parsing time " + quoted(text_) + ": " + std::string(what) + " out of range";
    return false;
  }

  bool mark(std::string_view mark) {
    if (!left_.starts_with(mark)) return refuse(left_, mark);
    left_.remove_prefix(mark.size());
    return true;
  }
  static std::optional<int> digits(std::string_view text, std::size_t count) {
    int number = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!digit_at(text, i)) return std::nullopt;
      number = number * 10 + (text[i] - '0');
    }
    return number;
  }
  bool number(std::string_view element, std::size_t count, int& out) {
    const auto read = digits(left_, count);
    if (!read) return refuse(left_, element);
    out = *read;
    left_.remove_prefix(count);
    return true;
  }
  bool hour() {
    int hour = 0;
    return number("15", digit_at(left_, 1) ? 2 : 1, hour) && within(hour, 0, 23, "hour");
  }
  bool sixty(std::string_view element, std::string_view what) {
    int read = 0;
    return number(element, 2, read) && within(read, 0, 59, what);
  }

  bool fraction() {
    constexpr std::size_t kMicroDigits = 6;
    const bool begins = !left_.empty() && (left_[0] == '.' || left_[0] == ',');
    std::size_t end = 1;
    while (begins && digit_at(left_, end) && (!micro_ || end <= kMicroDigits)) ++end;
    if (micro_ && (!begins || end <= kMicroDigits)) return refuse(left_, ".000000");
    if (begins && end > 1) left_.remove_prefix(end);
    return true;
  }

  bool zone() {
    constexpr std::string_view kElement = "Z07:00", kForm = "+07:00";
    if (left_.starts_with('Z')) return left_.remove_prefix(1), true;
    const bool formed = left_.size() >= kForm.size() && left_[3] == ':' && (left_[0] == '+' || left_[0] == '-');
    const auto hours = formed ? digits(left_.substr(1), 2) : std::nullopt, minutes = formed ? digits(left_.substr(4), 2) : std::nullopt;
    if (!hours || !minutes) return refuse(left_, kElement);
    left_.remove_prefix(kForm.size());
    return within(*hours, 0, 24, "time zone offset hour") && within(*minutes, 0, 60, "time zone offset minute");
  }

  const std::string_view text_;
  std::string_view left_;
  const std::string_view layout_;
  const bool micro_;
  std::string fault_;
};

}  // namespace

std::string time_fault(std::string_view text, bool micro) { return Reading(text, micro).fault(); }

}  // namespace keelson::kinds
