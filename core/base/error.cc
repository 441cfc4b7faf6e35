#include "core/base/error.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_set>

#include "core/base/json_text.hpp"

namespace keelson::base {
namespace {

Error make(int code, std::string_view reason, std::string message) {
  Error error;
  error.code = code;
  error.reason = reason;
  error.message = std::move(message);
  return error;
}

Error about(Error error, std::string_view group, std::string_view resource, std::string_view name) {
  error.group = group;
  error.kind = resource;
  error.name = name;
  return error;
}

std::string with_prefix(std::string_view prefix, std::string message) {
  return message.starts_with(prefix) ? message : std::string(prefix) + message;
}

// As Go's aggregate prints a list of errors: one bare, several in brackets, equal ones once.
std::string aggregate(const std::vector<Cause>& causes) {
  std::unordered_set<std::string> seen;
  std::string out = "[";
  for (const auto& cause : causes) {
    const auto [line, fresh] = seen.insert(cause.field.empty() ? cause.message : cause.field + ": " + cause.message);
    if (fresh) out += (out.size() > 1 ? ", " : "") + *line;
  }
  return seen.size() == 1 ? *seen.begin() : out + "]";
}

// Members of a JSON object; empty ones are left out as Go's omitempty does.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  ~Members() { out_ += '}'; }
  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) append_json_string(key(name), value);
  }
  void number(std::string_view name, int value) {
    if (value != 0) key(name) += std::to_string(value);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_causes(std::string& out, const std::vector<Cause>& causes) {
  out += '[';
  for (std::size_t i = 0; i < causes.size(); ++i) {
    if (i > 0) out += ',';
    Members cause(out);
    cause.text("reason", causes[i].reason);
    cause.text("message", causes[i].message);
    cause.text("field", causes[i].field);
  }
  out += ']';
}

void append_details(std::string& out, const Error& error) {
  Members details(out);
  details.text("name", error.name);
  details.text("group", error.group);
  details.text("kind", error.kind);
  details.text("uid", error.uid);
  if (!error.causes.empty()) append_causes(details.key("causes"), error.causes);
  details.number("retryAfterSeconds", error.retry_after_s);
}

/// Upstream's answers with these codes have details, though nothing may be in them.
bool always_has_details(int code) { return code == 403 || code == 404 || code == 405 || code == 415 || code == 422 || code == 504; }

bool has_details(const Error& error) {
  return always_has_details(error.code) || !error.name.empty() || !error.group.empty() || !error.kind.empty() || !error.uid.empty() ||
         !error.causes.empty() || error.retry_after_s != 0;
}

}  // namespace

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  throw std::logic_error("unchecked error: " + error.message + " at " + where.to_string());
}

std::string qualified(std::string_view group, std::string_view resource) {
  std::string out(resource);
  if (!group.empty()) (out += '.') += group;
  return out;
}

Error::Error() = default;
Error::Error(const Error&) = default;
Error::Error(Error&&) noexcept = default;
Error& Error::operator=(const Error&) = default;
Error& Error::operator=(Error&&) noexcept = default;
Error::~Error() = default;

Error bad_request(std::string message) { return make(400, "BadRequest", std::move(message)); }

Error unauthorized() { return make(401, "Unauthorized", "Unauthorized"); }

Error forbidden(std::string_view group, std::string_view resource, std::string_view name, std::string_view why) {
  std::string message = qualified(group, resource);
  if (!name.empty()) message += " " + quoted(name);
  if (!message.empty()) message += " is ";
  message += "forbidden: ";
  message += why;
  return about(make(403, "Forbidden", std::move(message)), group, resource, name);
}

Error not_found(std::string_view group, std::string_view resource, std::string_view name) {
  return about(make(404, "NotFound", qualified(group, resource) + " " + quoted(name) + " not found"), group, resource, name);
}

Error no_such_resource() { return make(404, "NotFound", "the server could not find the requested resource"); }

Error already_exists(std::string_view group, std::string_view resource, std::string_view name) {
  return about(make(409, "AlreadyExists", qualified(group, resource) + " " + quoted(name) + " already exists"), group, resource, name);
}

Error conflict(std::string_view group, std::string_view resource, std::string_view name, std::string_view why) {
  std::string message = "Operation cannot be fulfilled on " + qualified(group, resource) + " " + quoted(name) + ": ";
  message += why;
  return about(make(409, "Conflict", std::move(message)), group, resource, name);
}

Error object_modified(std::string_view group, std::string_view resource, std::string_view name) {
  return conflict(group, resource, name, "the object has been modified; please apply your changes to the latest version and try again");
}

Error method_not_allowed(std::string_view group, std::string_view resource, std::string_view verb) {
  std::string message(verb);
  message += " is not supported on resources of kind " + quoted(qualified(group, resource));
  return about(make(405, "MethodNotAllowed", std::move(message)), group, resource, "");
}

Error invalid(std::string_view group, std::string_view kind, std::string_view name, std::vector<Cause> causes) {
  std::string message = qualified(group, kind) + " " + quoted(name) + " is invalid";
  if (!causes.empty()) message += ": " + aggregate(causes);
  Error error = about(make(422, "Invalid", std::move(message)), group, kind, name);
  error.causes = std::move(causes);
  return error;
}

Error expired(std::string message) { return make(410, "Expired", std::move(message)); }

Error internal(std::string_view what) {
  Error error = make(500, "InternalError", "Internal error occurred: " + std::string(what));
  error.causes.push_back({"", std::string(what), ""});
  return error;
}

Error raw_500(std::string message) { return make(500, "", std::move(message)); }

Error timeout(std::string message) { return make(504, "Timeout", with_prefix("Timeout: ", std::move(message))); }

Error unavailable(std::string message) { return make(503, "ServiceUnavailable", std::move(message)); }

Error too_large_revision(std::uint64_t wanted, std::uint64_t current) {
  Error error = timeout("Too large resource version: " + std::to_string(wanted) + ", current: " + std::to_string(current));
  error.causes.push_back({"ResourceVersionTooLarge", "Too large resource version", ""});
  error.retry_after_s = 1;
  return error;
}

Error too_many_requests(std::string message, int retry_after_s) {
  Error error = make(429, "TooManyRequests", std::move(message));
  error.retry_after_s = retry_after_s;
  return error;
}

Error request_too_large(std::string message) {
  return make(413, "RequestEntityTooLarge", with_prefix("Request entity too large: ", std::move(message)));
}

namespace {

void append_status(std::string& out, const Error& error) {
  Members status(out);
  status.text("kind", "Status");
  status.text("apiVersion", "v1");
  {
    Members metadata(status.key("metadata"));
    metadata.text("continue", error.continue_token);
  }
  status.text("status", "Failure");
  status.text("message", error.message);
  status.text("reason", error.reason);
  if (has_details(error)) append_details(status.key("details"), error);
  status.number("code", error.code);
}

}  // namespace

std::string to_status_json(const Error& error) {
  std::string out;
  out.reserve(256 + error.message.size());
  append_status(out, error);
  return out;
}

}  // namespace keelson::base
