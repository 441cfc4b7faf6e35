// What an answer of a server means.
#include <boost/json.hpp>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/remote/client.hpp"

namespace keelson::remote {
namespace {

using auth::integer_at;
using auth::list_at;
using auth::text_at;
namespace json = boost::json;

constexpr std::size_t kQuotedBytesMax = 200;

base::Error error_of(const Answer& answer) {
  base::Error error;
  error.code = answer.status;
  error.retry_after_s = answer.retry_after_s;
  boost::system::error_code failed;
  const auto status = base::json_of(answer.body, failed);
  if (failed || text_at(status, {"kind"}) != "Status") {
    error.message = "the server answered " + std::to_string(answer.status) + ": " + answer.body.substr(0, kQuotedBytesMax);
    return error;
  }
  error.reason = text_at(status, {"reason"});
  error.message = text_at(status, {"message"});
  error.group = text_at(status, {"details", "group"});
  error.kind = text_at(status, {"details", "kind"});
  error.name = text_at(status, {"details", "name"});
  error.uid = text_at(status, {"details", "uid"});
  if (const auto* causes = list_at(status, {"details", "causes"}))
    for (const auto& cause : *causes)
      error.causes.push_back({std::string(text_at(cause, {"reason"})), std::string(text_at(cause, {"message"})), std::string(text_at(cause, {"field"}))});
  if (error.retry_after_s == 0) error.retry_after_s = static_cast<int>(integer_at(status, {"details", "retryAfterSeconds"}));
  return error;
}

}  // namespace

base::Outcome<std::string> body_of(base::Outcome<Answer> answer) {
  if (!answer) return answer.error();
  constexpr int kFirstError = 300;
  if (answer->status >= kFirstError) return error_of(*answer);
  return std::move(answer->body);
}

}  // namespace keelson::remote
