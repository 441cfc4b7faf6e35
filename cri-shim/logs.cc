#include "logs.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <iterator>
#include <keelson/kinds/meta_v1.hpp>
#include <utility>

#include "plan.hpp"
#include "pod_facts.hpp"

namespace keelson::node {
namespace {

constexpr std::int64_t kNs = 1'000'000'000;
/// Farther from 1970 than this nanoseconds do not reach; an offset from UTC and fractions fit in beside it.
constexpr std::int64_t kSecondsMax = INT64_MAX / kNs - 500'000;

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      unsigned value = 0;
      const auto parsed = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      if (parsed.ec == std::errc() && parsed.ptr == text.data() + i + 3) {
        out += static_cast<char>(value);
        i += 2;
        continue;
      }
    }
    out += text[i] == '+' ? ' ' : text[i];
  }
  return out;
}

using Faults = std::vector<meta_v1::StatusCause>;

/// How upstream writes the path of what has no name (field.NewPath("")).
constexpr const char* kNoField = "[]";

Error invalid_options(const std::string& pod, Faults faults) {
  std::string all;
  for (const auto& fault : faults) all += (all.empty() ? "" : ", ") + fault.field + ": " + fault.message;
  meta_v1::Status status;
  status.status = "Failure";
  status.reason = "Invalid";
  status.code = 422;
  status.message = "PodLogOptions \"" + pod + "\" is invalid: " + (faults.size() == 1 ? all : "[" + all + "]");
  auto& details = status.details.emplace();
  details.name = pod;
  details.kind = "PodLogOptions";
  details.causes = std::move(faults);
  return {422, "Invalid", status.message, encode(status)};
}

Error bad_request(std::string message) { return {400, "BadRequest", std::move(message), {}}; }

bool truth(const std::string& text) { return text == "true" || text == "1" || text == "True" || text == "TRUE" || text == "t" || text == "T"; }

/// nullopt inside: absent. What is too small is a fault.
Outcome<std::optional<std::int64_t>> number(const std::string& query, const char* key, std::int64_t min, Faults& faults) {
  const std::string text = query_value(query, key);
  if (text.empty()) return std::optional<std::int64_t>();
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return bad_request("strconv.ParseInt: parsing \"" + text + "\": invalid syntax");
  if (value < min) faults.push_back({"FieldValueInvalid", "Invalid value: " + std::to_string(value) + (min == 0 ? ": must be greater than or equal to 0" : ": must be greater than 0"), key});
  return std::optional<std::int64_t>(value);
}

template <class Containers>
void add_names(std::string& out, const Containers& containers) {
  for (const auto& container : containers) out += (out.empty() ? "" : " ") + container.name;
}

}  // namespace

std::vector<std::string> query_values(const std::string& query, std::string_view key) {
  std::vector<std::string> values;
  for (std::size_t at = 0; at <= query.size();) {
    const auto end = std::min(query.find('&', at), query.size());
    const std::string_view pair(query.data() + at, end - at);
    const auto equals = pair.find('=');
    if (!pair.empty() && percent_decoded(pair.substr(0, equals)) == key)
      values.push_back(equals == std::string_view::npos ? std::string() : percent_decoded(pair.substr(equals + 1)));
    at = end + 1;
  }
  return values;
}

std::string query_value(const std::string& query, std::string_view key) {
  const auto values = query_values(query, key);
  return values.empty() ? std::string() : values.front();
}

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  std::tm tm{};
  const std::string copy(text.substr(0, std::min<std::size_t>(text.size(), 64)));
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &tm);
  if (rest == nullptr) return std::nullopt;
  std::int64_t ns = std::clamp<std::int64_t>(::timegm(&tm), -kSecondsMax, kSecondsMax) * kNs;
  if (*rest == '.') {
    std::int64_t unit = kNs / 10;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) ns += (*rest - '0') * unit;
  }
  if (*rest == 'Z' || *rest == 'z') return rest[1] == 0 ? std::optional<std::int64_t>(ns) : std::nullopt;
  int hours = 0, minutes = 0;
  char sign = 0;
  if (std::sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) != 3 || (sign != '+' && sign != '-')) return std::nullopt;
  return ns - (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60) * kNs;
}

Outcome<LogOptions> parse_log_options(const std::string& query, const std::string& pod, std::int64_t unix_ns) {
  LogOptions options;
  Faults faults;
  options.container = query_value(query, "container");
  options.follow = truth(query_value(query, "follow"));
  options.previous = truth(query_value(query, "previous"));
  options.timestamps = truth(query_value(query, "timestamps"));
  options.tail_lines = KEELSON_TRY(number(query, "tailLines", 0, faults));
  options.limit_bytes = KEELSON_TRY(number(query, "limitBytes", 1, faults));
  const std::string since_time = query_value(query, "sinceTime"), stream = query_value(query, "stream");
  Faults of_since;
  const auto since = KEELSON_TRY(number(query, "sinceSeconds", 1, of_since));
  if (since && !since_time.empty()) faults.push_back({"FieldValueForbidden", "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified", kNoField});
  else std::move(of_since.begin(), of_since.end(), std::back_inserter(faults));
  if (since) options.since_ns = unix_ns - std::min(*since, kSecondsMax) * kNs;
  if (!since_time.empty()) {
    const auto at = parse_rfc3339(since_time);
    if (!at) return bad_request("parsing time \"" + since_time + "\" as RFC 3339 failed");
    options.since_ns = *at;
  }
  const bool one = stream == "Stdout" || stream == "Stderr";
  if (one) options.stream = stream == "Stdout" ? "stdout" : "stderr";
  if (!one && !stream.empty() && stream != "All") faults.push_back({"FieldValueNotSupported", "Unsupported value: \"" + stream + R"(": supported values: "All", "Stderr", "Stdout")", "stream"});
  if (!stream.empty() && stream != "All" && options.tail_lines) faults.push_back({"FieldValueForbidden", "Forbidden: `tailLines` and specific `stream` are mutually exclusive for now", kNoField});
  if (!faults.empty()) return invalid_options(pod, std::move(faults));
  return options;
}

void LogFilter::put(std::string_view text, std::string& out) {
  if (options_.limit_bytes) text = text.substr(0, static_cast<std::size_t>(std::max<std::int64_t>(0, *options_.limit_bytes - sent_)));
  out += text;
  sent_ += static_cast<std::int64_t>(text.size());
}

void LogFilter::line(std::string_view text, std::string& out) {
  const auto first = text.find(' ');
  const auto second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  const auto third = second == std::string_view::npos ? second : text.find(' ', second + 1);
  if (second == std::string_view::npos) return;   // not a line of the runtime
  const auto stamp = text.substr(0, first), stream = text.substr(first + 1, second - first - 1);
  const auto tag = text.substr(second + 1, third == std::string_view::npos ? third : third - second - 1);
  const auto content = third == std::string_view::npos ? std::string_view() : text.substr(third + 1);
  const bool continued = inside_, partial = tag.substr(0, 1) == "P";
  if (!options_.stream.empty() && stream != options_.stream) return;
  if (options_.since_ns != 0 && !continued) {
    const auto at = parse_rfc3339(stamp);
    if (at && *at < options_.since_ns) return;
  }
  if (options_.timestamps && !continued) {
    put(stamp, out);
    put(" ", out);
  }
  put(content, out);
  if (!partial) put("\n", out);
  inside_ = partial;
}

void LogFilter::feed(std::string_view bytes, std::string& out) {
  pending_ += bytes;
  std::size_t begin = 0;
  for (auto end = pending_.find('\n'); end != std::string::npos && !full(); end = pending_.find('\n', begin)) {
    line(std::string_view(pending_).substr(begin, end - begin), out);
    begin = end + 1;
  }
  pending_.erase(0, begin);
  if (pending_.size() > kLogLineBytesMax) pending_.clear();
}

int open_log(const std::string& path) {
  constexpr int kBelowLogs = 3;   // pod, container, file
  std::size_t cut = path.size();
  for (int part = 0; part < kBelowLogs && cut != 0 && cut != std::string::npos; ++part) cut = path.rfind('/', cut - 1);
  if (cut == 0 || cut == std::string::npos) {
    errno = EINVAL;
    return -1;
  }
  const int root = ::open(path.substr(0, cut).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return -1;
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  int fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str() + cut + 1, &how, sizeof how));
  ::close(root);
  struct stat state {};
  if (fd >= 0 && (::fstat(fd, &state) != 0 || !S_ISREG(state.st_mode))) {
    ::close(std::exchange(fd, -1));
    errno = EINVAL;
  }
  return fd;
}

std::int64_t tail_offset(int fd, std::int64_t lines) {
  struct stat state {};
  if (::fstat(fd, &state) != 0) return 0;
  std::int64_t end = state.st_size;
  if (lines == 0) return end;
  char buffer[8192];
  std::int64_t seen = 0;
  for (std::int64_t at = end; at > 0;) {
    const auto size = std::min<std::int64_t>(at, sizeof buffer);
    at -= size;
    if (::pread(fd, buffer, static_cast<std::size_t>(size), at) != size) return 0;
    for (std::int64_t i = size - 1; i >= 0; --i) {
      if (buffer[i] != '\n' || at + i == end - 1) continue;
      if (++seen == lines) return at + i + 1;
    }
  }
  return 0;
}

Outcome<std::string> choose_container(const Pod& pod, const std::string& asked) {
  if (asked.empty()) {
    if (pod.spec.containers.size() == 1) return pod.spec.containers[0].name;
    std::string names;
    for (const auto* list : {&pod.spec.initContainers, &pod.spec.containers}) add_names(names, *list);
    add_names(names, pod.spec.ephemeralContainers);
    return bad_request("a container name must be specified for pod " + pod.meta.name + ", choose one of: [" + names + "]");
  }
  if (!find_container(pod, asked).list.empty()) return asked;
  return bad_request("container " + asked + " is not valid for pod " + pod.meta.name);
}

Outcome<void> check_log_state(const Pod& pod, const std::string& container, bool previous) {
  const auto* status = old_status(pod, container);
  const auto quoted = [](const std::string& text) { return "\"" + text + "\""; };
  if (previous) {
    if (status != nullptr && status->lastState.terminated && !status->lastState.terminated->containerID.empty()) return {};
    return bad_request("previous terminated container " + quoted(container) + " in pod " + quoted(pod.meta.name) + " not found");
  }
  if (status == nullptr) return bad_request("container " + quoted(container) + " in pod " + quoted(pod.meta.name) + " is not available");
  if (status->state.running || status->state.terminated || status->lastState.terminated) return {};
  std::string why = status->state.waiting ? status->state.waiting->reason : "";
  if (why == "ErrImagePull") why = "image can't be pulled";
  if (why == "ImagePullBackOff") why = "trying and failing to pull image";
  return bad_request("container " + quoted(container) + " in pod " + quoted(pod.meta.name) + " is waiting to start: " + why);
}

}  // namespace keelson::node
