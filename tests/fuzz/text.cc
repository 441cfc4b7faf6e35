// Bodies as text: JSON and YAML, quantities and times, selectors, page tokens, what a URL means.
#include <boost/json.hpp>

#include <cmath>

#include "core/api/html_links.hpp"
#include "core/api/inflating.hpp"
#include "core/api/negotiate.hpp"
#include "core/api/request_info.hpp"
#include "core/base/instant.hpp"
#include "core/base/quantity.hpp"
#include "core/kinds/catalog.hpp"
#include "core/kinds/json_print.hpp"
#include "core/kinds/parse.hpp"
#include "core/verbs/page_token.hpp"
#include "core/watch/selector_parse.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/kinds.hpp"

namespace {

using namespace keelson;
using namespace keelson::fuzz;
namespace json = boost::json;

std::string text_of(const json::value& value) {
  std::string out;
  kinds::print_value(out, value);
  return out;
}

/// The selector in its own language.
std::string spelled(const std::vector<watch::LabelRequirement>& requirements) {
  using Op = watch::LabelRequirement::Op;
  std::string text;
  for (const auto& one : requirements) {
    std::string values;
    for (std::size_t i = 0; i < one.values.size(); ++i) values += (i == 0 ? "" : ",") + one.values[i];
    if (values.empty() && (one.op == Op::in || one.op == Op::not_in)) values = ",";   // the empty text alone
    text += text.empty() ? "" : ",";
    text += one.op == Op::not_exists ? "!" : "";
    text += one.key.text();
    switch (one.op) {
      case Op::equals: text += "=" + values; break;
      case Op::not_equals: text += "!=" + values; break;
      case Op::in: text += " in (" + values + ")"; break;
      case Op::not_in: text += " notin (" + values + ")"; break;
      case Op::exists:
      case Op::not_exists: break;
      case Op::greater: text += ">" + values; break;
      case Op::less: text += "<" + values; break;
    }
  }
  return text;
}

}  // namespace

KEELSON_FUZZ(json, bytes) {
  const auto parsed = kinds::parse_json(bytes, {});
  if (!parsed.fault.empty()) return;
  const auto printed = text_of(parsed.value);
  const auto again = kinds::parse_json(printed, {});
  must(again.fault.empty(), "what was printed cannot be parsed: " + again.fault);
  // Minus zero alone is printed as Go prints it, and read as Go reads that: without its sign.
  if (printed.find("-0") == std::string::npos) must_equal(text_of(again.value), printed, "JSON changes when it is printed and parsed");
  // Every JSON text is YAML and means the same, as long as it keeps within YAML's limits.
  const auto yaml = kinds::parse_yaml(printed, {});
  if (yaml.fault.empty()) must_equal(text_of(yaml.value), text_of(again.value), "the same text is another tree in YAML");
}

KEELSON_FUZZ(yaml, bytes) {
  const auto parsed = kinds::parse_yaml(bytes, {});
  if (!parsed.fault.empty()) return;
  const auto printed = text_of(parsed.value);
  const auto again = kinds::parse_json(printed, {});
  must(again.fault.empty(), "a YAML tree cannot be printed as JSON: " + again.fault);
  if (printed.find("-0") == std::string::npos) must_equal(text_of(again.value), printed, "a YAML tree changes when it is printed as JSON");
}

KEELSON_FUZZ(scalars, bytes) {
  if (const auto quantity = base::Quantity::parse(bytes)) {
    const auto text = quantity->text();
    const auto again = base::Quantity::parse(text);
    must(again.has_value(), "a printed quantity is none: " + text);
    must_equal(again->text(), text, "a quantity changes when it is printed");
  }
  if (const auto time = base::parse_time(bytes)) {
    const auto text = base::micro_time_text(*time);
    const auto again = base::parse_time(text);
    must(again.has_value(), "a printed time is none: " + text);
    must_equal(base::micro_time_text(*again), text, "a time changes when it is printed");
  }
  if (const auto duration = base::parse_duration(bytes)) {
    const auto text = base::duration_text(*duration);
    must(base::parse_duration(text) == duration, "a duration changes when it is printed: " + text);
  }
}

KEELSON_FUZZ(label_selector, bytes) {
  const auto parsed = watch::parse_label_selector(bytes);
  if (!parsed) return must(parsed.error().code == 400, "a broken selector is not 400");
  watch::Selector selector;
  selector.labels = *parsed;
  const auto canonical = selector.canonical();
  const auto text = spelled(*parsed);
  const auto again = watch::parse_label_selector(text);
  must(again.has_value(), "a printed selector is none: " + text);
  watch::Selector other;
  other.labels = *again;
  must_equal(other.canonical(), canonical, "a selector changes when it is printed");
  selector.matches(*sample_object());
}

KEELSON_FUZZ(field_selector, bytes) {
  const auto terms = watch::parse_field_terms(bytes);
  const auto kind = kind_of("", "v1", "Pod");
  const auto selector = watch::parse_selector(*kind, "", bytes);
  must(terms.has_value() || !selector.has_value(), "a selector without terms");
  if (!terms) return must(terms.error().code == 400, "a broken selector is not 400");
  if (selector) selector->matches(*sample_object());
}

KEELSON_FUZZ(page_token, bytes) {
  verbs::PageToken token;
  if (const auto parsed = verbs::decode_page_token(bytes)) token = *parsed;
  else if (auto [revision, after] = two(bytes); !after.empty()) token = {static_cast<std::int64_t>(revision.size()) + 1, std::string(after), -1};
  else return;
  const auto again = verbs::decode_page_token(verbs::encode_page_token(token));
  if (!again) return;   // a key that cannot be a name
  must(again->revision == token.revision, "a token's revision changes");
  if (kinds::parse_json("\"" + token.after + "\"", {}).fault.empty()) must_equal(again->after, token.after, "a token's key changes");
}

KEELSON_FUZZ(html_links, bytes) {
  const std::size_t piece = 1 + take(bytes) % 9;
  const api::ProxiedAt at{"/p/proxy", "there:80", "here"};
  api::HtmlLinks at_once(at), piecewise(at);
  std::string whole, parts;
  at_once.feed(bytes, whole);
  at_once.end(whole);
  for (std::size_t begin = 0; begin < bytes.size(); begin += piece) piecewise.feed(bytes.substr(begin, piece), parts);
  piecewise.end(parts);
  must_equal(parts, whole, "a page depends on how it comes in");
  for (const char* encoding : {"gzip", "deflate"}) {
    std::string plain;
    api::Inflating::of(encoding)->feed(bytes, plain);
    must(plain.size() <= api::kInflatedBytesMax + (64u << 10), "it unfolds to too much");
  }
}

KEELSON_FUZZ(url, bytes) {
  constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT"};
  const auto method = kMethods[take(bytes) % std::size(kMethods)];
  const auto mark = bytes.find('?');
  const auto path = bytes.substr(0, mark);
  const api::Query query(mark == std::string_view::npos ? std::string_view() : bytes.substr(mark + 1));
  const auto info = api::resolve(method, path, query);
  must(info.rest.empty() || info.resource_request, "more path than there is a resource");
  api::truthy(query, "watch");
  for (const auto& value : query.all("labelSelector")) must(value.size() <= bytes.size(), "a value grew");
  if (path.find('%') == std::string_view::npos) must_equal(api::percent_decode(path), path, "a path without escapes changes");
}

KEELSON_FUZZ(negotiate, bytes) {
  const auto flags = take(bytes);
  const auto ranges = api::parse_accept(bytes);
  for (const auto& range : ranges) must(!std::isnan(range.q), "a weight that orders nothing");
  const api::Offer offer{(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, (flags & 8) != 0};
  if (const auto form = api::negotiate(bytes, offer)) must(!form->content_type().empty() && !form->stream_type().empty(), "an answer of no type");
  const auto [type, body] = two(bytes);
  (void)api::read_body(type, std::string(body));
  (void)api::patch_form(type, (flags & 16) != 0);
}
