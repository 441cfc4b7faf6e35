// One error type, end to end: every failure that can reach a client is an Error, and an Error is a Kubernetes Status.
//
// Invariants: `code` and `reason` always belong together as Kubernetes pairs them (404 NotFound, 409 Conflict ...);
//   an empty reason is legal and means what upstream answers for an unclassified failure (code 500).
// Threads: values, no sharing. Errors: exceptions are for bugs and broken disks only.
#pragma once
#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

/// Of functions that run when something failed: the compiler keeps the way there out of the way of all else.
#define KEELSON_COLD [[gnu::cold]]

namespace keelson::base {

/// One entry of Status.details.causes.
struct Cause {
  std::string reason;   ///< FieldValueInvalid, NamespaceTerminating ...
  std::string message;
  std::string field;    ///< dotted path with [index], empty when the cause is no field
};

/// A Kubernetes Status with status=Failure. Copyable, cheap to move.
struct Error {
  /// Keeps C++20 from making an Error out of a bare number, which would make Outcome<number> ambiguous.
  struct NotFromNumber {} not_from_number = {};
  int code = 500;             ///< HTTP status code
  std::string reason;         ///< StatusReason
  std::string message;
  std::string group;          ///< details.group
  std::string kind;           ///< details.kind: the resource, or the Kind for reason Invalid
  std::string name;           ///< details.name
  std::string uid;            ///< details.uid
  std::vector<Cause> causes;
  int retry_after_s = 0;      ///< details.retryAfterSeconds and the Retry-After header; 0 = none
  std::string continue_token; ///< metadata.continue (410 of a paged list)

  KEELSON_COLD Error();                 ///< declared, so that it is no aggregate: a lone number must not convert to an Error in Outcome<int>
  // Out of line and cold, as all that makes errors: every function that returns an Outcome has this code, and hardly any runs it.
  KEELSON_COLD Error(const Error&);
  KEELSON_COLD Error(Error&&) noexcept;
  KEELSON_COLD Error& operator=(const Error&);
  KEELSON_COLD Error& operator=(Error&&) noexcept;
  KEELSON_COLD ~Error();
};

template <class T>
using Outcome = boost::system::result<T, Error>;

/// Lets Outcome<T>::value() throw on an unchecked error: reaching it is a bug of the caller.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

/// `group`+`resource` as upstream prints it: "pods", "deployments.apps".
std::string qualified(std::string_view group, std::string_view resource);

KEELSON_COLD Error bad_request(std::string message);
KEELSON_COLD Error unauthorized();
KEELSON_COLD Error forbidden(std::string_view group, std::string_view resource, std::string_view name, std::string_view why);
KEELSON_COLD Error not_found(std::string_view group, std::string_view resource, std::string_view name);
KEELSON_COLD Error no_such_resource();  ///< 404 "the server could not find the requested resource"
KEELSON_COLD Error already_exists(std::string_view group, std::string_view resource, std::string_view name);
/// 409 "Operation cannot be fulfilled on <resource> "<name>": <why>"
KEELSON_COLD Error conflict(std::string_view group, std::string_view resource, std::string_view name, std::string_view why);
KEELSON_COLD Error object_modified(std::string_view group, std::string_view resource, std::string_view name);
KEELSON_COLD Error method_not_allowed(std::string_view group, std::string_view resource, std::string_view verb);
KEELSON_COLD Error invalid(std::string_view group, std::string_view kind, std::string_view name, std::vector<Cause> causes);
KEELSON_COLD Error expired(std::string message);           ///< 410 Expired
KEELSON_COLD Error internal(std::string_view what);        ///< 500 InternalError "Internal error occurred: ..."
KEELSON_COLD Error raw_500(std::string message);           ///< 500 with an empty reason: what a plain Go error becomes upstream
KEELSON_COLD Error timeout(std::string message);           ///< 504 Timeout
KEELSON_COLD Error unavailable(std::string message);       ///< 503 ServiceUnavailable
KEELSON_COLD Error too_large_revision(std::uint64_t wanted, std::uint64_t current);  ///< 504, cause ResourceVersionTooLarge
KEELSON_COLD Error too_many_requests(std::string message, int retry_after_s);
KEELSON_COLD Error request_too_large(std::string message); ///< 413 RequestEntityTooLarge

/// The Status object as compact JSON, as a client receives it.
std::string to_status_json(const Error& error);

}  // namespace keelson::base
