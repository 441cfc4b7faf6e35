// Times, durations and zones.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/base/instant.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86'400, kNanos = 1'000'000'000;

std::string fraction_text(std::int64_t nanos) {
  if (nanos == 0) return {};
  auto digits = std::to_string(kNanos + nanos).substr(1);
  digits.erase(digits.find_last_not_of('0') + 1);
  return '.' + digits;
}

struct Unit {
  std::string_view name;
  std::uint64_t nanos;
};
constexpr std::array kUnits{Unit{"ns", 1}, Unit{"us", 1'000}, Unit{"\xc2\xb5s", 1'000}, Unit{"\xce\xbcs", 1'000}, Unit{"ms", 1'000'000},
                            Unit{"s", 1'000'000'000}, Unit{"m", 60'000'000'000}, Unit{"h", 3'600'000'000'000}};
constexpr std::uint64_t kDurationLimit = std::uint64_t(1) << 63;

bool digit(char c) { return c >= '0' && c <= '9'; }

// One "1.5h" at the front of `text`; removes it.
std::optional<std::uint64_t> take_part(std::string_view& text) {
  std::uint64_t value = 0, fraction = 0;
  double scale = 1;
  std::size_t i = 0;
  for (; i < text.size() && digit(text[i]); ++i) {
    if (value > kDurationLimit / 10) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(text[i] - '0');
  }
  bool any = i > 0;
  if (i < text.size() && text[i] == '.') {
    for (++i; i < text.size() && digit(text[i]); ++i) {
      any = true;
      if (scale < 1e18) fraction = fraction * 10 + static_cast<std::uint64_t>(text[i] - '0'), scale *= 10;
    }
  }
  if (!any) return std::nullopt;
  auto end = i;
  while (end < text.size() && text[end] != '.' && !digit(text[end])) ++end;
  const auto name = text.substr(i, end - i);
  text.remove_prefix(end);
  const auto* unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == name; });
  if (unit == kUnits.end() || value > kDurationLimit / unit->nanos) return std::nullopt;
  return value * unit->nanos + static_cast<std::uint64_t>(static_cast<double>(fraction) * (static_cast<double>(unit->nanos) / scale));
}

std::optional<Moment> with_range(std::optional<base::Instant> instant) {
  if (!instant) return std::nullopt;
  return Moment{instant->seconds, instant->nanos};
}

// A zone file (RFC 8536), its 64-bit part: transition times, the type of each, and the types' offsets.
class ZoneFile {
 public:
  explicit ZoneFile(std::string bytes) : bytes_(std::move(bytes)) {}
  std::optional<std::int64_t> offset(std::int64_t unix_s) const {
    constexpr std::size_t kHeader = 44;
    if (bytes_.size() < kHeader || bytes_.compare(0, 4, "TZif") != 0 || bytes_[4] < '2') return std::nullopt;
    const auto first = counts(0);
    const auto second = kHeader + first.times * 5 + first.types * 6 + first.characters + first.leaps * 8 + first.standards + first.universals;
    if (second + kHeader > bytes_.size()) return std::nullopt;
    const auto head = counts(second);
    const auto times = second + kHeader, kinds = times + head.times * 8, types = kinds + head.times;
    if (types + head.types * 6 > bytes_.size() || head.types == 0) return std::nullopt;
    std::size_t at = 0;
    while (at < head.times && static_cast<std::int64_t>(big(times + at * 8, 8)) <= unix_s) ++at;
    const std::size_t type = at == 0 ? 0 : static_cast<unsigned char>(bytes_[kinds + at - 1]);
    if (type >= head.types) return std::nullopt;
    return static_cast<std::int32_t>(big(types + type * 6, 4));
  }

 private:
  struct Counts {
    std::size_t universals, standards, leaps, times, types, characters;
  };
  std::uint64_t big(std::size_t at, std::size_t bytes) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(bytes_[at + i]);
    return value;
  }
  Counts counts(std::size_t at) const {
    return {big(at + 20, 4), big(at + 24, 4), big(at + 28, 4), big(at + 32, 4), big(at + 36, 4), big(at + 40, 4)};
  }
  std::string bytes_;
};

std::optional<std::int64_t> named_zone(std::string_view name, std::int64_t unix_s) {
  constexpr std::size_t kZoneFileBytesMax = 64 * 1024;
  if (name.empty() || name == "UTC") return 0;
  if (name[0] == '/' || name.find("..") != std::string_view::npos || name.find('\\') != std::string_view::npos || name.size() > 64) return std::nullopt;
  const auto path = std::filesystem::path("/usr/share/zoneinfo") / std::string(name);
  std::error_code fault;
  if (!std::filesystem::is_regular_file(path, fault) || std::filesystem::file_size(path, fault) > kZoneFileBytesMax) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  return ZoneFile(std::string(std::istreambuf_iterator<char>(file), {})).offset(unix_s);
}

}  // namespace

bool in_range(const Moment& moment) { return moment.seconds >= kMomentMin && moment.seconds <= kMomentMax; }

std::string duration_seconds_text(std::int64_t nanos) {
  return plain_double_text(static_cast<double>(nanos / kNanos) + static_cast<double>(nanos % kNanos) / 1e9) + "s";
}

std::string moment_text(const Moment& moment) {
  auto text = base::time_text(moment.seconds);
  text.insert(text.size() - 1, fraction_text(moment.nanos));
  return text;
}

std::optional<Moment> parse_timestamp(std::string_view text) { return with_range(base::parse_time(text)); }

std::optional<Moment> parse_date(std::string_view text) {
  if (text.size() != 10) return std::nullopt;
  return with_range(base::parse_time(std::string(text) + "T00:00:00Z"));
}

std::optional<Moment> parse_date_time(std::string_view text) {
  if (const auto moment = parse_timestamp(text)) return moment;
  // Also with a blank or nothing where the T and the zone are.
  std::string other(text);
  if (other.size() > 10 && (other[10] == ' ' || other[10] == 't')) other[10] = 'T';
  if (const auto moment = parse_timestamp(other)) return moment;
  return parse_timestamp(other + 'Z');
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    const auto part = take_part(text);
    if (!part || total + *part > kDurationLimit) return std::nullopt;
    total += *part;
  }
  if (total == kDurationLimit && !negative) return std::nullopt;
  return negative ? static_cast<std::int64_t>(-total) : static_cast<std::int64_t>(total);
}

std::optional<std::int64_t> parse_format_duration(std::string_view text) {
  if (const auto nanos = parse_duration(text)) return nanos;
  struct Word {
    std::string_view name;
    double nanos;
  };
  constexpr std::array words{Word{"w", 604'800e9}, Word{"wk", 604'800e9}, Word{"week", 604'800e9}, Word{"weeks", 604'800e9}, Word{"d", 86'400e9},
                             Word{"day", 86'400e9}, Word{"days", 86'400e9}, Word{"hr", 3600e9}, Word{"hrs", 3600e9}, Word{"hour", 3600e9},
                             Word{"hours", 3600e9}, Word{"min", 60e9}, Word{"mins", 60e9}, Word{"minute", 60e9}, Word{"minutes", 60e9},
                             Word{"sec", 1e9}, Word{"secs", 1e9}, Word{"second", 1e9}, Word{"seconds", 1e9}};
  const auto end = text.find_first_not_of("0123456789.");
  if (end == 0 || end == std::string_view::npos) return std::nullopt;
  const auto amount = parse_double(text.substr(0, end));
  auto name = text.substr(end);
  while (!name.empty() && name[0] == ' ') name.remove_prefix(1);
  const auto* word = std::find_if(words.begin(), words.end(), [&](const Word& w) { return w.name == name; });
  if (!amount || word == words.end() || *amount * word->nanos > 9.2e18) return std::nullopt;
  return static_cast<std::int64_t>(*amount * word->nanos);
}

Calendar calendar(std::int64_t unix_s) {
  const auto days = unix_s >= 0 ? unix_s / kDay : -((-unix_s + kDay - 1) / kDay);
  const auto rest = static_cast<int>(unix_s - days * kDay);
  const std::chrono::sys_days day{std::chrono::days(days)};
  const std::chrono::year_month_day date{day};
  const auto new_year = std::chrono::sys_days(date.year() / std::chrono::January / 1);
  return {static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())), static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>((day - new_year).count()), static_cast<int>(std::chrono::weekday(day).c_encoding()),
          rest / static_cast<int>(kHour), rest % static_cast<int>(kHour) / 60, rest % 60};
}

std::optional<std::int64_t> zone_offset(std::string_view zone, std::int64_t unix_s, std::string& why) {
  const auto colon = zone.find(':');
  if (colon == std::string_view::npos) {
    const auto named = named_zone(zone, unix_s);
    if (!named) why = "unknown time zone " + std::string(zone);
    return named;
  }
  const auto hours = parse_int(zone.substr(0, colon)), minutes = parse_int(zone.substr(colon + 1));
  if (!hours || !minutes || *hours < -24 || *hours > 24 || *minutes < 0 || *minutes > 59) {
    const auto wrong = hours ? zone.substr(colon + 1) : zone.substr(0, colon);
    why = "strconv.Atoi: parsing \"" + std::string(wrong) + "\": invalid syntax";
    return std::nullopt;
  }
  return *hours * kHour + (zone[0] == '-' ? -*minutes : *minutes) * kMinute;
}

}  // namespace keelson::cel
