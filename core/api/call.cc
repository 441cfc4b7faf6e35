#include "core/api/call.hpp"

#include "core/api/auditing.hpp"
#include "core/api/core.hpp"
#include "core/fairness/fairness.hpp"
#include "core/api/text.hpp"
#include "core/api/warnings.hpp"
#include "core/base/prefetch.hpp"

namespace keelson::api {
namespace {

class ObjectPayload final : public http::Payload {
 public:
  explicit ObjectPayload(store::ObjectRef object) : object_(std::move(object)) {}
  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    const auto piece = object_->body().substr(at_, bytes_max);
    at_ += piece.size();
    out.push_back(piece);
    return at_ == object_->body().size() ? Pull::end : Pull::more;
  }
  std::optional<std::uint64_t> length() const override { return object_->body().size(); }

 private:
  store::ObjectRef object_;
  std::size_t at_ = 0;
};

constexpr std::size_t kUsualHeaders = 6;   // of an answer

}  // namespace

Call::Call(Core& core, http::Request given, std::shared_ptr<http::Responder> responder)
    : core(core), request(std::move(given)), responder(std::move(responder)), query(request.query), info(resolve(request.method, request.path, query)), observer_(core.observer) {
  watching_.began = core.parts.runtime.monotonic_ns();
  watching_.mutating = request.method != "GET" && request.method != "HEAD";
  observer_->began(watching_);
}

// A client that left, or a handler that failed, ends a request without an answer.
Call::~Call() {
  if (overdue_) overdue_->forget(*this);
  ended(500);
}

void Call::bound() {
  if (streams() || answered_ || context.deadline == base::kForever) return;   // a stream is answered by other threads
  overdue_ = core.overdue;
  overdue_->watch(*this);
}

void Call::overdue() {
  if (!streams() && !answered_) fail(base::timeout("Timeout: request did not complete within the allotted timeout"));
}

verbs::Target Call::target() const { return {kind, kind->namespaced ? info.ns : std::string(), info.name, info.subresource}; }

void Call::long_running() {
  if (watching_.long_running) return;
  observer_->became_stream(watching_);
  watching_.long_running = true;
  if (turn) turn->release();
}

std::function<void(int)> Call::finisher() {
  return [self = shared_from_this()](int status) { self->ended(status); };
}

void Call::ended(int status) {
  if (std::exchange(ended_, true)) return;
  if (turn) turn->release();
  if (record) audit_ended(*this, status);
  watching_.verb = info_verb(info, request.method);
  if (kind) {
    watching_.group = kind->group;
    watching_.version = kind->version;
    watching_.resource = kind->resource;
    if (kind->subresource(info.subresource)) watching_.subresource = info.subresource;
    watching_.scope = !info.name.empty() ? "resource" : info.ns.empty() ? "cluster" : "namespace";
    watching_.dry_run = query.has("dryRun");
  }
  observer_->ended(watching_, status);
}

http::Headers Call::headers() const {
  http::Headers headers;
  headers.reserve(kUsualHeaders);
  headers.emplace_back("Audit-Id", context.request_id);
  headers.emplace_back("Cache-Control", "no-cache, private");
  if (turn) {
    headers.emplace_back("X-Kubernetes-Pf-Flowschema-Uid", turn->schema_uid());
    headers.emplace_back("X-Kubernetes-Pf-Prioritylevel-Uid", turn->level_uid());
  }
  append_warnings(headers, warnings);
  return headers;
}

void Call::send(int code, std::string content_type, std::unique_ptr<http::Payload> payload, http::Headers more) {
  answered_ = true;
  if (record && streams()) audit_started(*this, code);
  http::Response response;
  response.status = code;
  response.content_type = std::move(content_type);
  response.headers = headers();
  for (auto& header : more) {
    std::erase_if(response.headers, [&](const auto& old) { return old.first == header.first && header.first == "Cache-Control"; });
    response.headers.push_back(std::move(header));
  }
  if (payload && !payload->endless() && !payload->as_it_is() && request.method == "GET" && http::lists_token(request.header("Accept-Encoding"), "gzip") && http::at_least(payload, kGzipBytesMin)) {
    payload = http::gzip_payload(std::move(payload));
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.headers.emplace_back("Vary", "Accept-Encoding");
  }
  // Who is nobody does not keep a connection that is cheap to abuse.
  response.close = code == 401 && !request.http1;
  response.payload = std::move(payload);
  response.sent = finisher();
  responder->send(std::move(response));
}

void Call::fail(const base::Error& error) {
  if (record) audit_failure(*record, error);
  http::Headers more;
  if (error.retry_after_s > 0) more.emplace_back("Retry-After", std::to_string(error.retry_after_s));
  if (error.code == 403) more.emplace_back("X-Content-Type-Options", "nosniff");
  const auto shape = settled_form();
  auto body = base::to_status_json(error);
  if (shape.media == Encoding::yaml) body = json_to_yaml(body);
  if (shape.media == Encoding::protobuf)
    if (const auto encoded = Encodings::protobuf_of(body)) body = encoded->bytes;
  if (shape.media == Encoding::json && shape.pretty) body = pretty_json(body) + "\n";
  send(error.code, shape.content_type(), http::text_payload(std::move(body)), std::move(more));
}

void Call::refuse(const base::Error& error) {
  if (const auto& told = context.failure_warnings) warnings.insert(warnings.end(), told->begin(), told->end());
  fail(error);
}

// A request may fail, or be answered, before its form was settled.
Form Call::settled_form() const {
  if (form_settled) return form;
  auto negotiated = negotiate(request.joined("Accept"), {.transforms = false});
  auto settled = negotiated ? std::move(*negotiated) : Form{};
  settled.pretty |= form.pretty;
  return settled;
}

void Call::text(int code, std::string text) {
  send(code, "text/plain; charset=utf-8", http::text_payload(std::move(text)), {{"X-Content-Type-Options", "nosniff"}});
}

void Call::json(int code, std::string json_text) {
  if (record && info.resource_request && record->keeps_response() && record->response.empty()) record->response.bytes = json_text;
  const auto shape = info.resource_request ? settled_form() : form;
  if (shape.media == Encoding::protobuf)
    if (const auto encoded = Encodings::protobuf_of(json_text)) return protobuf(code, encoded);
  if (shape.media == Encoding::yaml) return send(code, shape.content_type(), http::text_payload(json_to_yaml(json_text)));
  if (shape.pretty) json_text = pretty_json(json_text) + "\n";
  send(code, Form{}.content_type(), http::text_payload(std::move(json_text)));
}

// What is sent is read when its head is printed: until then it comes into the cache.
void Call::protobuf(int code, const ProtobufRef& encoded) {
  base::expect_text(encoded->bytes);
  send(code, std::string(kinds::kProtobufMedia), http::shared_payload(std::shared_ptr<const std::string>(encoded, &encoded->bytes)));
}

void Call::object(int code, const store::ObjectRef& object) {
  if (record) audit_object(*record, object);
  if (form.media == Encoding::json && !form.pretty) {
    base::expect_text(object->body());
    return send(code, form.content_type(), std::make_unique<ObjectPayload>(object));
  }
  json(code, std::string(object->body()));
}

void Call::stored_object(int code, const store::ObjectRef& object) {
  if (form.media == Encoding::protobuf)
    if (const auto encoded = core.encodings.protobuf(*kind, *object)) {
      if (record) audit_object(*record, object);
      return protobuf(code, encoded);
    }
  this->object(code, object);
}

}  // namespace keelson::api
