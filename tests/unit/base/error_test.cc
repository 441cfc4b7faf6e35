#include "core/base/error.hpp"

#include <catch2/catch.hpp>

#include "core/base/json_text.hpp"

using namespace keelson::base;

TEST_CASE("a missing object is a Status as upstream prints it") {
  CHECK(to_status_json(not_found("apps", "deployments", "web")) ==
        R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"deployments.apps \"web\" not found","reason":"NotFound","details":{"name":"web","group":"apps","kind":"deployments"},"code":404})");
}

TEST_CASE("messages follow upstream's wording") {
  CHECK(already_exists("", "pods", "a").message == "pods \"a\" already exists");
  CHECK(object_modified("apps", "deployments", "a").message ==
        "Operation cannot be fulfilled on deployments.apps \"a\": the object has been modified; please apply your changes to the latest version and try again");
  CHECK(forbidden("", "pods", "a", "no").message == "pods \"a\" is forbidden: no");
  CHECK(forbidden("", "pods", "", "no").message == "pods is forbidden: no");
  CHECK(forbidden("", "", "", "no").message == "forbidden: no");
  CHECK(no_such_resource().message == "the server could not find the requested resource");
  CHECK(method_not_allowed("apps", "deployments", "patch").message == "patch is not supported on resources of kind \"deployments.apps\"");
  CHECK(internal("boom").message == "Internal error occurred: boom");
  CHECK(request_too_large("limit is 3145728").message == "Request entity too large: limit is 3145728");
  CHECK(raw_500("etcdserver: request is too large").reason.empty());
}

TEST_CASE("several causes are listed in brackets, one stands bare, equal ones stand once") {
  const Cause a{"FieldValueRequired", "Required value", "spec.a"}, b{"FieldValueInvalid", "Invalid value: 1", "spec.b"};
  CHECK(invalid("apps", "Deployment", "x", {a}).message == "Deployment.apps \"x\" is invalid: spec.a: Required value");
  CHECK(invalid("", "Pod", "x", {a, b, a}).message == "Pod \"x\" is invalid: [spec.a: Required value, spec.b: Invalid value: 1]");
}

TEST_CASE("a revision of the future is a 504 with its cause and a retry") {
  const std::string json = to_status_json(too_large_revision(9, 5));
  CHECK(json.find("\"message\":\"Timeout: Too large resource version: 9, current: 5\"") != std::string::npos);
  CHECK(json.find("\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}],\"retryAfterSeconds\":1}") != std::string::npos);
}

TEST_CASE("a Status is valid JSON whatever the message holds") {
  CHECK(quoted("a\"b\\c\n\x01") == R"("a\"b\\c\n\u0001")");
  CHECK(quoted("gr\xC3\xBC\xC3\x9F \xF0\x9F\x9A\xA2") == "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x9A\xA2\"");
  CHECK(quoted("\xFF\xC0\x80\xED\xA0\x80") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(quoted("cut \xE2\x82") == "\"cut \xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST_CASE("an outcome of a number takes numbers and errors") {
  Outcome<std::uint64_t> number = 7u;
  CHECK(*number == 7);
  number = expired("old");
  REQUIRE_FALSE(number.has_value());
  CHECK(number.error().code == 410);
}
