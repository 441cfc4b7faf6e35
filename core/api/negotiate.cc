#include "core/api/negotiate.hpp"

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/http/http.hpp"
#include "core/kinds/protobuf/protobuf.hpp"

namespace keelson::api {
namespace {

constexpr std::string_view kAccepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
constexpr std::string_view kStreamsAccepted = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";

constexpr std::size_t kClausesSorted = 64;   // more than any client has to say; the others keep their place

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view next_part(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return trimmed(part);
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

/// What is no number weighs nothing. A weight orders clauses and excludes none, not even 0: upstream's servers never did, and old clients send it.
double weight_of(std::string_view text) {
  double weight = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), weight);
  if (fault != std::errc() || end != text.data() + text.size() || std::isnan(weight)) return 0;
  return weight;
}

bool parse_range(std::string_view clause, MediaRange& range) {
  const auto type = next_part(clause, ';');
  const auto slash = type.find('/');
  if (type == "*") {
    range.type = range.subtype = "*";
  } else {
    if (slash == std::string_view::npos) return false;
    range.type = type.substr(0, slash);
    range.subtype = type.substr(slash + 1);
  }
  while (!clause.empty()) {
    auto parameter = next_part(clause, ';');
    const auto equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = trimmed(parameter.substr(0, equals));
    const auto value = unquoted(trimmed(parameter.substr(equals + 1)));
    if (value.empty()) continue;
    if (name == "q") range.q = weight_of(value);
    else range.parameters.emplace_back(name, value);
  }
  return true;
}

base::Error unsupported_media(std::string message) {
  base::Error error;
  error.code = 415;
  error.reason = "UnsupportedMediaType";
  error.message = std::move(message);
  return error;
}
base::Error unknown_format(std::string_view accepted) { return unsupported_media("the body of the request was in an unknown format - accepted media types include: " + std::string(accepted)); }

// The encoding that a clause names; a wildcard takes the first we have.
std::optional<Encoding> encoding_of(const MediaRange& range) {
  const bool any = range.subtype == "*" && (range.type == "*" || range.type == "application");
  if (any) return Encoding::json;
  if (range.type != "application") return std::nullopt;
  if (range.subtype == "json") return Encoding::json;
  if (range.subtype == "yaml") return Encoding::yaml;
  if (range.subtype == "vnd.kubernetes.protobuf") return Encoding::protobuf;
  return std::nullopt;
}

// Does the clause ask for a transformation, and is it one that this endpoint has?
bool transformation_of(const MediaRange& range, const Offer& offer, Form& form) {
  const auto as = range.parameter("as");
  if (as.empty()) return range.parameter("g").empty() && range.parameter("v").empty();
  const auto version = range.parameter("v");
  if (!offer.transforms || range.parameter("g") != "meta.k8s.io" || (version != "v1" && version != "v1beta1")) return false;
  form.version = version;
  if (as == "Table") form.as = Form::As::table;
  else if (as == "PartialObjectMetadata" && (!offer.list || offer.watch)) form.as = Form::As::partial;
  else if (as == "PartialObjectMetadataList" && offer.list && !offer.watch) form.as = Form::As::partial_list;
  else return false;
  return true;
}

bool parameters_fit(const MediaRange& range, Encoding encoding) {
  const auto stream = range.parameter("stream"), server_version = range.parameter("sv");
  if (!stream.empty() && (stream != "watch" || encoding == Encoding::yaml)) return false;
  return server_version.empty() || server_version == "v1";
}

bool encodable(const Form& form, const Offer& offer) {
  if (form.media == Encoding::yaml) return !offer.watch;
  if (form.media == Encoding::json || form.as == Form::As::partial || form.as == Form::As::partial_list) return true;
  return form.as == Form::As::object && offer.protobuf;
}

bool meets(const MediaRange& range, const Offer& offer, Form& form) {
  const auto encoding = encoding_of(range);
  if (!encoding) return false;
  form.media = *encoding;
  form.pretty = range.parameter("pretty") == "1";
  return parameters_fit(range, *encoding) && transformation_of(range, offer, form) && encodable(form, offer);
}

// A wildcard stands behind what is named, whatever they weigh, unless it came first and weighs more.
bool before(const MediaRange& a, const MediaRange& b) { return a.q > b.q || (a.type != "*" && b.type == "*") || (a.subtype != "*" && b.subtype == "*"); }

// "before" is no order (two clauses can each be before the other), so that the way of sorting counts: this is upstream's.
void sort_clauses(MediaRanges& ranges) {
  const auto end = std::min(ranges.size(), kClausesSorted);
  for (std::size_t next = 1; next < end; ++next)
    for (auto at = next; at > 0 && before(ranges[at], ranges[at - 1]); --at) std::swap(ranges[at], ranges[at - 1]);
}

std::string_view media_type(std::string_view content_type) { return next_part(content_type, ';'); }

}  // namespace

std::string_view MediaRange::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters)
    if (key == name) return value;
  return {};
}

base::Error not_acceptable(std::string_view accepted) {
  base::Error error;
  error.code = 406;
  error.reason = "NotAcceptable";
  error.message = "only the following media types are accepted: " + std::string(accepted);
  return error;
}

bool routes_to(std::string_view accept, std::initializer_list<std::string_view> types) {
  if (accept.empty()) return true;
  while (!accept.empty()) {
    auto clause = next_part(accept, ',');
    const auto type = next_part(clause, ';');
    if (type == "*/*" || std::find(types.begin(), types.end(), type) != types.end()) return true;
  }
  return false;
}

MediaRanges parse_accept(std::string_view accept) {
  MediaRanges ranges;
  while (!accept.empty()) {
    MediaRange range;
    const auto clause = next_part(accept, ',');
    if (!clause.empty() && parse_range(clause, range)) ranges.push_back(std::move(range));
  }
  sort_clauses(ranges);
  return ranges;
}

std::string Form::content_type() const {
  if (media == Encoding::protobuf) return std::string(kinds::kProtobufMedia);
  return media == Encoding::yaml ? "application/yaml" : "application/json";
}

std::string Form::stream_type() const { return media == Encoding::protobuf ? content_type() + ";stream=watch" : content_type(); }

base::Outcome<Form> negotiate(std::string_view accept, const Offer& offer) {
  if (trimmed(accept).empty()) return Form{};
  if (!offer.routed || routes_to(accept, {"application/json", "application/yaml", kinds::kProtobufMedia}))
    for (const auto& range : parse_accept(accept)) {
      Form form;
      if (meets(range, offer, form)) return form;
    }
  return not_acceptable(offer.watch ? kStreamsAccepted : kAccepted);
}

base::Outcome<verbs::Body> read_body(std::string_view content_type, std::string bytes) {
  const auto type = media_type(content_type);
  if (type.empty() || http::same_text(type, "application/json")) return verbs::Body{kinds::Media::json, std::move(bytes)};
  if (http::same_text(type, "application/yaml")) return verbs::Body{kinds::Media::yaml, std::move(bytes)};
  if (!http::same_text(type, kinds::kProtobufMedia)) return unknown_format(kAccepted);
  boost::json::monotonic_resource memory;
  const auto value = kinds::from_protobuf(bytes, &memory);
  if (!value) return value.error();
  return verbs::Body{kinds::Media::json, boost::json::serialize(*value)};
}

base::Outcome<PatchForm> patch_form(std::string_view content_type, bool custom_resource) {
  const auto type = media_type(content_type);
  using kinds::Media;
  using kinds::PatchType;
  if (type == "application/json-patch+json") return PatchForm{PatchType::json, Media::json};
  if (type == "application/merge-patch+json") return PatchForm{PatchType::merge, Media::json};
  if (type == "application/strategic-merge-patch+json" && !custom_resource) return PatchForm{PatchType::strategic, Media::json};
  if (type == "application/apply-patch+yaml") return PatchForm{PatchType::apply, Media::yaml};
  if (custom_resource) return unknown_format("application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
  return unsupported_media("415: Unsupported Media Type");   // the words of upstream's router, which knows the types of built-in kinds
}

}  // namespace keelson::api
