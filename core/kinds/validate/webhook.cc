// Where a webhook is reached: a URL, or a service.
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kForm = "; desired format: https://host[/path]";
constexpr std::int64_t kServicePort = 443;

std::string with_form(std::string_view why) { return std::string(why) + std::string(kForm); }

/// The part of `url` after `mark`, which is taken away with it; empty when there is none.
std::string_view cut(std::string_view& url, char mark) {
  const auto at = url.find(mark);
  if (at == std::string_view::npos) return {};
  const auto part = url.substr(at + 1);
  url = url.substr(0, at);
  return part;
}

void validate_url(std::string_view url, const Path& path, FieldErrors& errors) {
  const auto fragment = cut(url, '#'), query = cut(url, '?');
  const auto scheme_end = url.find("://");
  const auto scheme = scheme_end == std::string_view::npos ? std::string_view() : url.substr(0, scheme_end);
  auto host = scheme_end == std::string_view::npos ? std::string_view() : url.substr(scheme_end + 3);
  host = host.substr(0, host.find('/'));
  const auto user_end = host.rfind('@');
  if (scheme != "https") errors.invalid(path, scheme, with_form("'https' is the only allowed URL scheme"));
  if (user_end != std::string_view::npos ? user_end + 1 == host.size() : host.empty()) errors.invalid(path, "", with_form("host must be specified"));
  if (user_end != std::string_view::npos) errors.invalid(path, host.substr(0, user_end), "user information is not permitted in the URL");
  if (!fragment.empty()) errors.invalid(path, fragment, "fragments are not permitted in the URL");
  if (!query.empty()) errors.invalid(path, query, "query parameters are not permitted in the URL");
}

void validate_url_path(std::string_view whole, const Path& path, FieldErrors& errors) {
  if (whole.empty() || whole == "/") return;
  if (whole == "//") return errors.invalid(path, whole, "segment[0] may not be empty");
  if (!whole.starts_with('/')) errors.invalid(path, whole, "must start with a '/'");
  auto rest = whole.substr(1);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  for (std::size_t i = 0;; ++i) {
    const auto end = rest.find('/');
    const auto step = rest.substr(0, end);
    const auto segment = "segment[" + std::to_string(i) + "]";
    if (step.empty()) errors.invalid(path, whole, segment + " may not be empty");
    else
      for (const auto& why : check_subdomain_1123(step)) errors.invalid(path, whole, segment + ": " + why);
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

void validate_webhook_client(const json::value& client, const Path& path, FieldErrors& errors) {
  const auto *url = member(&client, "url"), *service = member(&client, "service");
  if (!url == !service) return errors.required(path, "exactly one of url or service is required");
  if (url) return validate_url(text_of(url), path.child("url"), errors);
  const auto here = path.child("service");
  if (text_of(member(service, "name")).empty()) errors.required(here.child("name"));
  if (text_of(member(service, "namespace")).empty()) errors.required(here.child("namespace"));
  const auto port = integer_of(member(service, "port"), kServicePort);
  for (const auto& why : check_port_number(port)) errors.invalid(here.child("port"), member(service, "port"), "port is not valid: " + std::string(why));
  validate_url_path(text_of(member(service, "path")), here.child("path"), errors);
}

}  // namespace keelson::kinds
