// Results of host calls and of reconciles: one error type, a Kubernetes Status, from the host to the author and back.
//
// Threads and ownership: plain values.
#pragma once
#include <boost/system/result.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace keelson {

/// A Kubernetes Status with status=Failure, as a host call answers it.
struct Error {
  int code = 500;        ///< HTTP status code
  std::string reason;    ///< NotFound, Conflict, AlreadyExists, Invalid ...
  std::string message;
  std::string status_json;  ///< the whole Status, details included

  // Constructors, so that an Error is no aggregate: one made of a lone number would make Outcome<int> ambiguous.
  Error() = default;
  Error(int code, std::string reason, std::string message, std::string status_json = {})
      : code(code), reason(std::move(reason)), message(std::move(message)), status_json(std::move(status_json)) {}
};
/// Thrown inside a plugin by reads that cannot answer an error (find, list); the SDK turns it into a failed call.
struct HostFailure : std::runtime_error {
  explicit HostFailure(Error failure) : std::runtime_error(failure.message), error(std::move(failure)) {}
  Error error;
};
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <class T>
using Outcome = boost::system::result<T, Error>;

inline bool is_not_found(const Error& e) { return e.code == 404; }
inline bool is_conflict(const Error& e) { return e.code == 409 && e.reason == "Conflict"; }
inline bool already_exists(const Error& e) { return e.code == 409 && e.reason == "AlreadyExists"; }

namespace detail {
class Waiting;
}
template <class T>
class Written;

/// What a reconcile asks for next. Errors are retried with back-off; Terminal waits for the object to change.
class [[nodiscard]] Result {
 public:
  enum class Kind { done, retry_at, failed, terminal };
  Result() = default;                                           ///< done
  Result(Error error) : kind_(Kind::failed), error_(std::move(error)) {}  // NOLINT: implicit, for KEELSON_TRY
  template <class T>
  Result(const Outcome<T>& outcome) { if (!outcome) { kind_ = Kind::failed; error_ = outcome.error(); } }  // NOLINT
  Kind kind() const { return settle(), kind_; }
  const Error& error() const { return settle(), error_; }
  std::chrono::nanoseconds delay() const { return delay_; }
  /// It is that of a write which nobody has asked about yet.
  bool rests_on(const detail::Waiting* waiting) const { return waiting != nullptr && waiting_.get() == waiting; }

  static Result retry(std::chrono::nanoseconds delay) { Result r; r.kind_ = Kind::retry_at; r.delay_ = delay; return r; }
  static Result terminal(Error error) { Result r{std::move(error)}; r.kind_ = Kind::terminal; return r; }

 private:
  template <class T>
  friend class Written;
  explicit Result(std::shared_ptr<detail::Waiting> waiting) : waiting_(std::move(waiting)) {}
  void settle() const {
    if (waiting_) ask();
  }
  void ask() const;
  mutable Kind kind_ = Kind::done;
  mutable Error error_;
  std::chrono::nanoseconds delay_{0};
  mutable std::shared_ptr<detail::Waiting> waiting_;   // shared: with what the write answered
};

/// From a Status as JSON; never fails (an unreadable one is kept as the message). Code 0: the one that it says.
Error error_from_status(int code, std::string_view status_json);
/// The Status of an error, as it crosses the border.
std::string status_json(const Error& error);

inline Result done() { return {}; }
inline Result retry_in(std::chrono::nanoseconds delay) { return Result::retry(delay); }
/// The object asks for something impossible: no retry until it is edited.
Result invalid(std::string_view field, std::string_view message);
/// Failed; retried with back-off.
Result failed(std::string_view message);

template <class... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace keelson

/// The value of an Outcome, or return its error from the enclosing function.
#define KEELSON_TRY(expression)                                  \
  ({                                                             \
    auto&& keelson_try_outcome = (expression);                   \
    if (!keelson_try_outcome) return keelson_try_outcome.error(); \
    std::move(*keelson_try_outcome);                             \
  })

/// The same for an expression whose value is of no interest.
#define KEELSON_TRY_VOID(expression)                                                          \
  do {                                                                                        \
    if (const auto& keelson_try_outcome = (expression); !keelson_try_outcome) return keelson_try_outcome.error(); \
  } while (false)
