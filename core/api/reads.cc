// GET and LIST: stored bytes are served bytes; only Table, PartialObjectMetadata and YAML are printed.
#include <span>

#include "core/api/core.hpp"
#include "core/api/options.hpp"
#include "core/api/protobuf_list.hpp"
#include "core/api/table.hpp"
#include "core/api/text.hpp"
#include "core/base/prefetch.hpp"

namespace keelson::api {
namespace {

/// prefix, bodies joined by commas, suffix: nothing is copied here. What each body would say of its kind (`head`, with the brace before it)
/// the list has said for all.
class ListPayload final : public http::Payload {
 public:
  ListPayload(std::string prefix, std::string head, std::vector<store::ObjectRef> objects)
      : prefix_(std::move(prefix)), head_(std::move(head)), objects_(std::move(objects)) {
    length_ = prefix_.size() + kSuffix.size() + (objects_.empty() ? 0 : objects_.size() - 1);
    for (std::size_t i = 0; i < objects_.size(); ++i) {
      expect(i + kAhead);
      length_ += objects_[i]->body().size() - (says_head(*objects_[i]) ? head_.size() - 1 : 0);
    }
  }
  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    std::size_t bytes = 0;
    if (next_ == 0) out.push_back(prefix_);
    for (; next_ < objects_.size() && bytes < bytes_max; ++next_) {
      expect(next_ + kAhead);
      const auto& object = *objects_[next_];
      const bool shorter = says_head(object);
      if (const auto between = std::string_view(",{").substr(next_ == 0, next_ == 0 ? shorter : 1 + shorter); !between.empty()) out.push_back(between);
      out.push_back(object.body().substr(shorter ? head_.size() : 0));
      bytes += object.body().size();
    }
    if (next_ < objects_.size()) return Pull::more;
    out.push_back(kSuffix);
    return Pull::end;
  }
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  static constexpr std::string_view kSuffix = "]}\n";
  static constexpr std::size_t kAhead = 4;   // objects whose texts come into the cache meanwhile
  void expect(std::size_t index) const {
    if (index < objects_.size()) base::expect_text(objects_[index]->body());
  }
  bool says_head(const store::Object& object) const { return !head_.empty() && object.body().starts_with(head_); }
  std::string prefix_, head_;
  std::vector<store::ObjectRef> objects_;
  std::size_t next_ = 0;
  std::uint64_t length_ = 0;
};

/// A list whose items are printed one by one as the client takes them.
class PrintedListPayload final : public http::Payload {
 public:
  using Print = std::function<void(std::string&, const store::ObjectRef&)>;
  PrintedListPayload(std::string prefix, std::vector<store::ObjectRef> objects, Print print) : text_(std::move(prefix)), objects_(std::move(objects)), print_(std::move(print)) {}
  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    if (std::exchange(started_, true)) text_.clear();
    for (; next_ < objects_.size() && text_.size() < bytes_max; ++next_) {
      if (next_ > 0) text_ += ',';
      print_(text_, objects_[next_]);
    }
    const bool done = next_ == objects_.size();
    if (done) text_ += "]}\n";
    out.push_back(text_);
    return done ? Pull::end : Pull::more;
  }

 private:
  std::string text_;
  std::vector<store::ObjectRef> objects_;
  Print print_;
  std::size_t next_ = 0;
  bool started_ = false;
};

std::string drain(http::Payload& payload) {
  std::string all;
  std::vector<std::string_view> pieces;
  for (auto state = http::Payload::Pull::more; state == http::Payload::Pull::more;) {
    pieces.clear();
    state = payload.pull(pieces, 1u << 20);
    for (const auto piece : pieces) all += piece;
  }
  return all;
}

std::string table_prefix(const Call& call, const verbs::Listed& listed) {
  auto text = list_prefix("Table", "meta.k8s.io/" + call.form.version, listed);
  text.erase(text.size() - std::string_view("\"items\":[").size());
  return text + "\"columnDefinitions\":" + column_definitions(*call.kind) + ",\"rows\":[";
}

// `stored`: the objects are those that their revisions name.
ItemEncoder item_encoder(const CallRef& call, bool stored) {
  if (call->form.as == Form::As::object) {
    if (!stored) return {nullptr, [](const store::ObjectRef& object) { return Encodings::protobuf_of(object->body()); }};
    return {[call](std::span<const store::ObjectRef> objects, std::vector<ProtobufRef>& out) { call->core.encodings.find(*call->kind, objects, out); },
            [call](const store::ObjectRef& object) { return call->core.encodings.make(*call->kind, *object); }};
  }
  return {nullptr, [version = call->form.version](const store::ObjectRef& object) {
            std::string text;
            append_partial(text, *object, version);
            return Encodings::protobuf_of(text);
          }};
}

/// Where readers see more than is stored. True: nothing was replaced.
bool as_stored(const CallRef& call, std::span<store::ObjectRef> objects) {
  const auto* routes = call->core.parts.routes;
  const auto live = routes ? routes->live(call->kind->storage_key) : nullptr;
  if (!live) return true;
  for (auto& object : objects) object = live(object);
  return false;
}

std::string list_kind_of(const kinds::Kind& kind) { return kind.list_kind.empty() ? kind.kind + "List" : kind.list_kind; }

std::unique_ptr<http::Payload> protobuf_list(const CallRef& call, verbs::Listed listed, bool stored) {
  const bool partial = call->form.as != Form::As::object;
  const auto api_version = partial ? "meta.k8s.io/" + call->form.version : call->kind->api_version();
  return protobuf_list_payload(call->responder, api_version, partial ? "PartialObjectMetadataList" : list_kind_of(*call->kind), std::move(listed), item_encoder(call, stored));
}

std::unique_ptr<http::Payload> list_payload(const CallRef& call, verbs::Listed listed) {
  const auto& kind = *call->kind;
  if (call->form.as == Form::As::object) {
    auto prefix = list_prefix(list_kind_of(kind), kind.api_version(), listed);
    // Upstream leaves it out of items of its own kinds and keeps it in those of definitions.
    auto head = kind.strategy.custom_resource ? "" : "{\"kind\":" + quoted(kind.kind) + ",\"apiVersion\":" + quoted(kind.api_version()) + ",";
    return std::make_unique<ListPayload>(std::move(prefix), std::move(head), std::move(listed.objects));
  }
  if (call->form.as == Form::As::table) {
    auto prefix = table_prefix(*call, listed);
    return std::make_unique<PrintedListPayload>(std::move(prefix), std::move(listed.objects), row_printer(call));
  }
  auto prefix = list_prefix("PartialObjectMetadataList", "meta.k8s.io/" + call->form.version, listed);
  return std::make_unique<PrintedListPayload>(std::move(prefix), std::move(listed.objects),
                                              [version = call->form.version](std::string& out, const store::ObjectRef& object) { append_partial(out, *object, version); });
}

void send_object(const CallRef& call, store::ObjectRef object) {
  const bool stored = as_stored(call, {&object, 1});
  if (call->form.as != Form::As::object) return send_transformed(call, 200, object);
  stored && call->info.subresource.empty() ? call->stored_object(200, object) : call->object(200, object);
}

/// 400 when a table is asked for in a way that there is none.
base::Outcome<void> check_table(const Call& call) {
  if (call.form.as != Form::As::table) return {};
  if (const auto include = include_object(call.query); !include) return include.error();
  return {};
}

}  // namespace

void send_transformed(const CallRef& call, int code, const store::ObjectRef& object) {
  std::string text;
  if (call->form.as == Form::As::table) {
    verbs::Listed one;
    one.revision = object->revision();
    text = table_prefix(*call, one);
    row_printer(call)(text, object);
    text += "]}\n";
  } else {
    append_partial(text, *object, call->form.version);
  }
  call->json(code, std::move(text));
}

std::string list_prefix(std::string_view kind, std::string_view api_version, const verbs::Listed& listed) {
  std::string text = "{\"kind\":";
  append_quoted(text, kind);
  text += ",\"apiVersion\":";
  append_quoted(text, api_version);
  text += ",\"metadata\":{\"resourceVersion\":\"" + std::to_string(listed.revision) + "\"";
  if (!listed.continue_token.empty()) text += ",\"continue\":" + quoted(listed.continue_token);
  if (listed.remaining) text += ",\"remainingItemCount\":" + std::to_string(*listed.remaining);
  return text + "},\"items\":[";
}

void send_list(const CallRef& call, verbs::Listed listed, bool stored) {
  if (call->record && call->record->keeps_response()) {
    auto& kept = call->record->response;
    kept = {{}, list_prefix(list_kind_of(*call->kind), call->kind->api_version(), listed), nullptr, listed.objects, true};
  }
  if (call->form.media == Encoding::protobuf) return call->send(200, call->form.content_type(), protobuf_list(call, std::move(listed), stored));
  auto payload = list_payload(call, std::move(listed));
  if (call->form.media == Encoding::yaml || call->form.pretty) return call->json(200, drain(*payload));
  call->send(200, call->form.content_type(), std::move(payload));
}

void answer_get(const CallRef& call) {
  auto options = read_query(call->query);
  if (!options) return call->fail(options.error());
  if (auto fits = check_table(*call); !fits) return call->fail(fits.error());
  call->core.parts.verbs.get(call->context, call->target(), *options,
                             call->then<store::ObjectRef>([](const CallRef& self, store::ObjectRef object) { send_object(self, std::move(object)); }));
}

void answer_list(const CallRef& call) {
  auto options = list_query(call->info, call->query, *call->kind);
  if (!options) return call->fail(options.error());
  if (auto fits = check_table(*call); !fits) return call->fail(fits.error());
  auto target = call->target();
  target.name.clear();
  call->core.parts.verbs.list(call->context, std::move(target), std::move(options->list),
                              call->then<verbs::Listed>([](const CallRef& self, verbs::Listed listed) {
                                const bool stored = as_stored(self, listed.objects);
                                send_list(self, std::move(listed), stored);
                              }));
}

}  // namespace keelson::api
