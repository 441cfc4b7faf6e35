// Field errors: violations found by validation, with the paths and texts of Kubernetes.
//
// Invariants: a Path points to its parent, which has to outlive it; text is made only for what is wrong, and no more than
//   kErrorsBytesMax and one: rules that show a whole list for each of its elements would answer with the square of what was sent.
// Threads: one validation, one thread.
#pragma once
#include <boost/json/value.hpp>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::kinds {

class Path {
 public:
  explicit Path(std::string_view name) : name_(name) {}
  /// The parent of what is returned has to stay alive as long as the result is used.
  Path child(std::string_view name) const { return Path(this, name, 0, Form::member); }
  Path index(std::size_t index) const { return Path(this, {}, index, Form::index); }
  Path key(std::string_view key) const { return Path(this, key, 0, Form::key); }
  std::string text() const;

 private:
  enum class Form { member, index, key };
  Path(const Path* up, std::string_view name, std::size_t index, Form form) : up_(up), name_(name), index_(index), form_(form) {}
  const Path* up_ = nullptr;
  std::string_view name_;
  std::size_t index_ = 0;
  Form form_ = Form::member;
};

/// A value as error texts show it: strings quoted, the rest as Go prints JSON (with <, > and & escaped).
std::string shown_value(const boost::json::value* value);
std::string shown_value(std::string_view text);

/// As much as can be sent.
inline constexpr std::size_t kErrorsBytesMax = 3'145'728;

class FieldErrors {
 public:
  using Value = const boost::json::value*;
  void required(const Path& path, std::string_view detail = {});
  void invalid(const Path& path, Value value, std::string_view detail);
  void invalid(const Path& path, std::string_view value, std::string_view detail);
  /// One error for each message.
  void invalid_each(const Path& path, std::string_view value, const std::vector<std::string>& messages);
  void not_supported(const Path& path, std::string_view value, std::span<const std::string_view> supported);
  void not_supported(const Path& path, Value value, std::span<const std::string_view> supported);
  void duplicate(const Path& path, Value value);
  void duplicate(const Path& path, std::string_view value);
  void forbidden(const Path& path, std::string_view detail);
  /// Not what was asked for is wrong, but what we make of it.
  void internal(const Path& path, std::string_view detail);
  void not_found(const Path& path, std::string_view value, std::string_view detail = {});
  void too_long(const Path& path, std::size_t most_bytes);
  void too_many(const Path& path, std::size_t count, std::size_t most);
  /// Not supported unless `value` is one of them.
  bool one_of(const Path& path, std::string_view value, std::span<const std::string_view> supported);
  bool one_of(const Path& path, std::string_view value, std::initializer_list<std::string_view> supported) { return one_of(path, value, std::span(supported.begin(), supported.size())); }

  /// One that is made elsewhere.
  void add(const base::Cause& cause);

  bool empty() const { return causes_.empty(); }
  std::size_t size() const { return causes_.size(); }
  std::vector<base::Cause> take() { return std::move(causes_); }

 private:
  void unsupported(const Path& path, const std::string& shown, std::span<const std::string_view> supported);
  void add(std::string_view reason, const Path& path, std::string message);
  bool full() const { return bytes_ > kErrorsBytesMax; }
  std::vector<base::Cause> causes_;
  std::size_t bytes_ = 0;
};

}  // namespace keelson::kinds
