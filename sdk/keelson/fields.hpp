// Fields: defaults and rules of a kind's objects, and metrics read when they are asked for.
//
// Invariants: defaulters run before other admission hooks, validators after all mutation; both are admission hooks (admission.hpp
//   says when they refuse). Threads: any, many at once.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <keelson/admission.hpp>

namespace keelson {

/// Where defaulters stand among the admission hooks.
inline constexpr int kDefaulterOrder = 1;

/// What is wrong with an object; all of it is told at once.
class FieldErrors {
 public:
  /// `field` as "spec.replicas", `message` as "must not be negative".
  void add(std::string_view field, std::string_view message) { all_.emplace_back(field, message); }
  bool empty() const { return all_.empty(); }
  /// done(), or a 422 with a cause each.
  Result result() const;

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

/// Values of one metric, as they are now.
class MetricValues {
 public:
  void add(double value, const std::map<std::string, std::string>& labels = {});
  const std::string& text() const { return text_; }

 private:
  std::string text_;                     // "value\tkey=value,key=value" a line
};

namespace detail {
HookFunction metrics_hook(std::function<void(MetricValues&)> collect);

template <class T>
MutateFunction filling(std::function<void(T&)> fill) {
  return [fill = std::move(fill)](Context&, Review&, std::string& object_json) {
    auto object = decode<T>(object_json);
    const auto before = encode(object);
    fill(object);
    if (const auto after = encode(object); after != before) object_json = carried_over(object_json, before, after);
    return done();
  };
}
template <class T, class Check>
ValidateFunction checking(Check check) {
  return [check = std::move(check)](Context&, Review& review, std::string_view object_json) {
    FieldErrors errors;
    const auto old = review.old<T>();
    check(decode<T>(object_json), old ? &*old : nullptr, errors);
    return errors.result();
  };
}
}  // namespace detail

}  // namespace keelson
