// WATCH: the hub's encoded events, chunk by chunk, at the client's pace.
#include <algorithm>
#include <atomic>

#include "core/api/core.hpp"
#include "core/api/options.hpp"
#include "core/api/table.hpp"
#include "core/api/text.hpp"
#include "core/http/websocket.hpp"

namespace keelson::api {
namespace {

using watch::Bytes;
using watch::EventType;

constexpr std::string_view kNoColumns = "\"columnDefinitions\":null";

std::string_view type_name(EventType type) {
  switch (type) {
    case EventType::added: return "ADDED";
    case EventType::modified: return "MODIFIED";
    case EventType::deleted: return "DELETED";
    case EventType::bookmark: return "BOOKMARK";
  }
  return "";
}

std::string bookmark_metadata(store::Revision revision, bool initial_events_end) {
  std::string text = "{\"resourceVersion\":\"" + std::to_string(revision) + "\",\"creationTimestamp\":null";
  if (initial_events_end) text += ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}";
  return text + "}";
}

/// How events of one kind are printed in one form.
struct Printer {
  kinds::KindRef kind;
  Form form;
  std::string include;         ///< of tables
  Core* core;

  Bytes operator()(EventType type, store::Revision revision, const store::ObjectRef& object, bool initial_events_end) const {
    if (form.media == Encoding::protobuf) return protobuf(type, revision, object, initial_events_end);
    std::string text = "{\"type\":\"";
    text += type_name(type);
    text += "\",\"object\":";
    if (form.as == Form::As::table) table(text, revision, object, initial_events_end);
    else if (!object) bookmark(text, revision, initial_events_end);
    else if (form.as == Form::As::partial) append_partial(text, *object, form.version);
    else text += object->body();
    text += "}\n";
    return std::make_shared<const std::string>(std::move(text));
  }

  // A DELETED event may show an earlier state under the revision of a later one: it is no stored object.
  Bytes protobuf(EventType type, store::Revision revision, const store::ObjectRef& object, bool initial_events_end) const {
    ProtobufRef encoded;
    if (object && form.as == Form::As::object) {
      encoded = type == EventType::deleted ? Encodings::protobuf_of(object->body()) : core->encodings.protobuf(*kind, *object);
    } else {
      std::string text;
      if (object) append_partial(text, *object, form.version);
      else bookmark(text, revision, initial_events_end);
      encoded = Encodings::protobuf_of(text);
    }
    return std::make_shared<const std::string>(kinds::protobuf_watch_frame(type_name(type), encoded ? std::string_view(encoded->bytes) : std::string_view()));
  }

  void bookmark(std::string& text, store::Revision revision, bool initial_events_end) const {
    const bool partial = form.as != Form::As::object;
    text += "{\"kind\":" + quoted(partial ? "PartialObjectMetadata" : kind->kind) + ",\"apiVersion\":" +
            quoted(partial ? "meta.k8s.io/" + form.version : kind->api_version()) + ",\"metadata\":" + bookmark_metadata(revision, initial_events_end) + "}";
  }

  // The first event a client gets has its columns spliced in, see WatchPayload.
  void table(std::string& text, store::Revision revision, const store::ObjectRef& object, bool initial_events_end) const {
    text += "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/" + form.version + "\",\"metadata\":{\"resourceVersion\":\"" + std::to_string(revision) + "\"},";
    text += kNoColumns;
    text += ",\"rows\":[";
    if (object) {
      append_row(text, core->parts.verbs, *kind, *object, include, form.version, core->parts.runtime.unix_s());
    } else {
      text += "{\"cells\":[],\"object\":";
      bookmark(text, revision, initial_events_end);
      text += '}';
    }
    text += "]}";
  }
};

std::string encoding_id(const Printer& printer) {
  const auto version = (printer.form.media == Encoding::protobuf ? "protobuf/" : "json/") + printer.kind->api_version();
  switch (printer.form.as) {
    case Form::As::table: return "table/" + printer.form.version + "/" + printer.include + "/" + version;
    case Form::As::object: return version;
    default: return "partial/" + printer.form.version + "/" + version;
  }
}

class WatchPayload final : public http::Payload, public watch::WatchSink {
 public:
  WatchPayload(CallRef call, std::string columns) : call_(std::move(call)), responder_(call_->responder), columns_(std::move(columns)), sent_(call_->core.observer->watch_events(call_->info.group, call_->info.version, call_->info.resource)) {}
  ~WatchPayload() override {
    for (const auto timer : {timer_, bookmark_timer_})
      if (timer) call_->core.parts.runtime.cancel(timer);
    watch_.reset();
  }

  void open(std::unique_ptr<watch::Watch> watch, std::int64_t timeout_ms) {
    watch_ = std::move(watch);
    bookmark_timer_ = raise(&Due::bookmark, timeout_ms - std::min(kLastBookmark_ms, timeout_ms / 2));
    timer_ = raise(&Due::end, timeout_ms);
  }

  void wake() override { responder_->wake(); }
  bool endless() const override { return true; }

  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    taken_.clear();
    if (ended_ || due_->end) return Pull::end;
    if (due_->bookmark.exchange(false)) watch_->ask_bookmark();
    const auto took = watch_->take(taken_, bytes_max);
    if (!columns_.empty() && !taken_.empty()) add_columns();
    for (const auto& bytes : taken_) out.push_back(*bytes);
    sent_.add(static_cast<double>(taken_.size()));
    if (took) return taken_.empty() ? Pull::wait : Pull::more;
    ended_ = true;
    error_ = error_event(took.error());
    out.push_back(error_);
    return Pull::end;
  }

 private:
  /// What timers tell the thread that pulls.
  struct Due {
    std::atomic<bool> bookmark = false, end = false;
  };

  base::TimerId raise(std::atomic<bool> Due::*what, std::int64_t in_ms) {
    return call_->core.parts.runtime.schedule_at(call_->core.parts.runtime.in_ms(in_ms), [due = due_, what, weak = std::weak_ptr(responder_)] {
      (*due).*what = true;
      if (auto responder = weak.lock()) responder->wake();
    });
  }

  std::string error_event(const base::Error& error) const {
    const auto status = base::to_status_json(error);
    if (call_->form.media != Encoding::protobuf) return "{\"type\":\"ERROR\",\"object\":" + status + "}\n";
    const auto encoded = Encodings::protobuf_of(status);
    return kinds::protobuf_watch_frame("ERROR", encoded ? std::string_view(encoded->bytes) : std::string_view());
  }

  void add_columns() {
    std::string first = *taken_.front();
    if (const auto at = first.find(kNoColumns); at != std::string::npos)
      first.replace(at, kNoColumns.size(), "\"columnDefinitions\":" + columns_);
    taken_.front() = std::make_shared<const std::string>(std::move(first));
    columns_.clear();
  }

  CallRef call_;
  std::shared_ptr<http::Responder> responder_;
  std::string columns_;
  base::Counter& sent_;
  std::unique_ptr<watch::Watch> watch_;
  base::TimerId timer_ = 0, bookmark_timer_ = 0;
  const std::shared_ptr<Due> due_ = std::make_shared<Due>();
  std::vector<Bytes> taken_;
  std::string error_;
  bool ended_ = false;
};

watch::WatchRequest watch_request(const Call& call, const ListQuery& options, const Printer& printer) {
  watch::WatchRequest request;
  request.resource = call.kind->storage_key;
  request.ns = call.kind->namespaced ? call.info.ns : "";
  request.selector = options.list.selector;
  request.encoding = {encoding_id(printer), printer};
  request.bookmarks = options.bookmarks;
  using Start = watch::WatchRequest::Start;
  const auto revision = options.list.revision.value_or(0);
  request.after = revision;
  if (options.initial_events) request.start = Start::initial_events;
  else request.start = revision == 0 && !call.query.has("sendInitialEvents") ? Start::current_state : Start::at_revision;
  return request;
}

std::int64_t watch_timeout_ms(const CallRef& call, const ListQuery& options) {
  if (options.timeout_s && *options.timeout_s > 0) return std::min(*options.timeout_s, kWatchTimeoutMax_s) * 1000;
  return (kWatchTimeoutMin_s + static_cast<std::int64_t>(call->core.parts.runtime.random_u64() % kWatchTimeoutMin_s)) * 1000;
}

}  // namespace

void answer_watch(const CallRef& call) {
  auto& parts = call->core.parts;
  const auto options = list_query(call->info, call->query, *call->kind);
  if (!options) return call->fail(options.error());
  const bool table = call->form.as == Form::As::table;
  const auto include = table ? include_object(call->query) : std::string();
  if (!include) return call->fail(include.error());
  auto payload = std::make_unique<WatchPayload>(call, table ? column_definitions(*call->kind) : "");
  auto target = call->target();
  target.name.clear();
  auto opened = parts.verbs.watch(call->context, std::move(target), watch_request(*call, *options, {call->kind, call->form, *include, &call->core}), *payload);
  if (!opened) return call->fail(opened.error());
  call->long_running();
  payload->open(std::move(*opened), watch_timeout_ms(call, *options));
  if (!http::asks_websocket(call->request)) return call->send(200, call->form.stream_type(), std::move(payload));
  auto response = http::websocket_response(call->request, std::move(payload), call->headers(), call->form.media == Encoding::protobuf);
  response.sent = call->finisher();
  call->responder->send(std::move(response));
}

}  // namespace keelson::api
