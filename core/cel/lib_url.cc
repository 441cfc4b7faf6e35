// URLs.
#include <map>
#include <string>
#include <vector>

#include "core/cel/function.hpp"
#include "core/cel/url.hpp"

namespace keelson::cel {
namespace {

constexpr std::string_view kUrlType = "kubernetes.URL";

class UrlValue final : public Opaque {
 public:
  std::string_view type_name() const override { return kUrlType; }
  bool equal(const Opaque& other) const override { return text == static_cast<const UrlValue&>(other).text; }
  std::string_view text, scheme, host, hostname, port, path;
  const Map* query = nullptr;
};

const UrlValue* url_of(const Value& value) {
  return value.kind == Kind::opaque && value.opaque->type_name() == kUrlType ? static_cast<const UrlValue*>(value.opaque) : nullptr;
}

const Map* query_map(const Url& url, Arena& arena) {
  std::map<std::string, std::vector<Value>> grouped;
  for (const auto& [key, value] : url.parameters()) grouped[key].push_back(Value::string(arena.keep(value)));
  std::vector<Value> keys, values;
  for (const auto& [key, list] : grouped) {
    keys.push_back(Value::string(arena.keep(key)));
    values.push_back(Value::of(static_cast<const List*>(ArrayList::make(list, arena))));
  }
  return make_map(keys, values, arena);
}

Value to_url(const Call& call) {
  if (!are(call, {Kind::string})) return no_such_overload(call, "url");
  Url url;
  std::string why;
  if (!parse_url(call[0].view(), url, why)) return call.error("URL parse error during conversion from string: " + why);
  auto* value = call.arena.make<UrlValue>();
  value->text = call[0].view();
  value->scheme = call.arena.keep(url.scheme);
  value->host = call.arena.keep(url.host);
  value->hostname = call.arena.keep(url.hostname());
  value->port = call.arena.keep(url.port());
  value->path = call.arena.keep(url.path);
  value->query = query_map(url, call.arena);
  return Value::of(static_cast<const Opaque*>(value));
}

template <std::string_view UrlValue::*part>
Value get(const Call& call) {
  const auto* url = url_of(call[0]);
  return url == nullptr ? no_such_overload() : Value::string(url->*part);
}
Value get_query(const Call& call) {
  const auto* url = url_of(call[0]);
  return url == nullptr ? no_such_overload() : Value::of(url->query);
}
Value is_url(const Call& call) {
  std::string why;
  return are(call, {Kind::string}) ? Value::of(check_url(call[0].view(), why)) : no_such_overload(call, "isURL");
}

constexpr Overload kUrls[] = {
    {"url", "string_to_url", "string:kubernetes.URL", Cost::scan, to_url},
    {"getScheme", "url_get_scheme", ".kubernetes.URL:string", Cost::unit, get<&UrlValue::scheme>},
    {"getHost", "url_get_host", ".kubernetes.URL:string", Cost::unit, get<&UrlValue::host>},
    {"getHostname", "url_get_hostname", ".kubernetes.URL:string", Cost::unit, get<&UrlValue::hostname>},
    {"getPort", "url_get_port", ".kubernetes.URL:string", Cost::unit, get<&UrlValue::port>},
    {"getEscapedPath", "url_get_escaped_path", ".kubernetes.URL:string", Cost::unit, get<&UrlValue::path>},
    {"getQuery", "url_get_query", ".kubernetes.URL:map<string,list<string>>", Cost::unit, get_query},
    {"isURL", "is_url_string", "string:bool", Cost::unit, is_url},
};

}  // namespace

Library url_library() { return kUrls; }

}  // namespace keelson::cel
