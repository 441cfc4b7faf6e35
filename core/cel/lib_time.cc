// The parts of times and durations.
#include <string>

#include "core/cel/function.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

constexpr std::int64_t kNanosPerMilli = 1'000'000, kNanosPerSecond = 1'000'000'000, kNanosPerMinute = 60 * kNanosPerSecond,
                       kNanosPerHour = 60 * kNanosPerMinute;

template <class Part>
Value of_moment(const Call& call, Part part) {
  auto seconds = call[0].integer;
  if (call.args.size() == 2) {
    std::string why;
    if (call[1].kind != Kind::string) return no_such_overload();
    const auto offset = zone_offset(call[1].view(), seconds, why);
    if (!offset) return call.error(why);
    seconds += *offset;
  }
  return Value::of_int(part(calendar(seconds)));
}

template <class Part>
Value moment_part(const Call& call, std::string_view function, Part part) {
  return call[0].kind == Kind::timestamp ? of_moment(call, part) : no_such_overload(call, function);
}

template <class Part>
Value either_part(const Call& call, std::string_view function, std::int64_t nanos, Part part) {
  if (call[0].kind == Kind::duration && call.args.size() == 1) return Value::of_int(call[0].integer / nanos);
  return moment_part(call, function, part);
}

Value full_year(const Call& call) { return moment_part(call, "getFullYear", [](const Calendar& c) { return c.year; }); }
Value month(const Call& call) { return moment_part(call, "getMonth", [](const Calendar& c) { return c.month - 1; }); }
Value day_of_year(const Call& call) { return moment_part(call, "getDayOfYear", [](const Calendar& c) { return c.year_day; }); }
Value day_of_month(const Call& call) { return moment_part(call, "getDayOfMonth", [](const Calendar& c) { return c.day - 1; }); }
Value date(const Call& call) { return moment_part(call, "getDate", [](const Calendar& c) { return c.day; }); }
Value day_of_week(const Call& call) { return moment_part(call, "getDayOfWeek", [](const Calendar& c) { return c.week_day; }); }
Value hours(const Call& call) { return either_part(call, "getHours", kNanosPerHour, [](const Calendar& c) { return c.hour; }); }
Value minutes(const Call& call) { return either_part(call, "getMinutes", kNanosPerMinute, [](const Calendar& c) { return c.minute; }); }
Value seconds(const Call& call) { return either_part(call, "getSeconds", kNanosPerSecond, [](const Calendar& c) { return c.second; }); }
Value milliseconds(const Call& call) {
  const auto millis = call[0].nanos / kNanosPerMilli;
  return either_part(call, "getMilliseconds", kNanosPerMilli, [millis](const Calendar&) { return millis; });
}

#define OF_TIME(function, id, run)                                   \
  {function, "timestamp_to_" id, ".timestamp:int", Cost::unit, run}, \
  {function, "timestamp_to_" id "_with_tz", ".timestamp,string:int", Cost::unit, run}
#define OF_DURATION(function, id, run) {function, "duration_to_" id, ".duration:int", Cost::unit, run}

constexpr Overload kTime[] = {
    OF_TIME("getFullYear", "year", full_year),
    OF_TIME("getMonth", "month", month),
    OF_TIME("getDayOfYear", "day_of_year", day_of_year),
    OF_TIME("getDayOfMonth", "day_of_month", day_of_month),
    OF_TIME("getDate", "day_of_month_1_based", date),
    OF_TIME("getDayOfWeek", "day_of_week", day_of_week),
    OF_TIME("getHours", "hours", hours),
    OF_DURATION("getHours", "hours", hours),
    OF_TIME("getMinutes", "minutes", minutes),
    OF_DURATION("getMinutes", "minutes", minutes),
    OF_TIME("getSeconds", "seconds", seconds),
    OF_DURATION("getSeconds", "seconds", seconds),
    OF_TIME("getMilliseconds", "milliseconds", milliseconds),
    OF_DURATION("getMilliseconds", "milliseconds", milliseconds),
};
#undef OF_TIME
#undef OF_DURATION

}  // namespace

Library time_library() { return kTime; }

}  // namespace keelson::cel
