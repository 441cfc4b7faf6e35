// What a child asks the core, answered by the very functions that a plugin in the core calls.
#include <algorithm>
#include <vector>

#include "core/plugins/child/child_library.hpp"
#include "core/plugins/instance.hpp"

namespace keelson::plugins {
namespace {

using Request = wire::Request::Reader;

/// Most writes of one request that are looked at; a transaction's limit is that of verbs.
constexpr unsigned kWritesMax = KEELSON_TOGETHER_MAX;
constexpr unsigned kBoundsMax = 256;

struct Asking {
  Instance& instance;
  Lane& lane;
  Request request;
  const keelson_stream* stream;
  const keelson_host_v1& host = core_host_table();
  keelson_call call() const { return request.getCall(); }
};

template <class Fill>
void answer(Lane& lane, Fill&& fill) {
  lane.put([&](wire::Frame::Builder frame) { fill(frame.initAnswer()); });
}

void answer_text(Lane& lane, keelson_status status, std::string_view text) {
  answer(lane, [&](wire::Answer::Builder to) {
    to.setStatus(status);
    if (!text.empty()) to.setText(data_of(text));
  });
}

/// Encodes an object that the host handed out and gives the reference back.
void encode_owned(wire::Object::Builder to, Asking& asking, keelson_object object) {
  encode_handle(to, asking.instance, object);
  asking.host.release(&asking.instance, object);
}

/// Reads name what they are about as a write does.
wire::Write::Reader subject_of(Request request) {
  const auto writes = request.getWrites();
  return writes.size() == 0 ? wire::Write::Reader() : writes[0];
}

void get(Asking& asking) {
  const auto subject = write_of(subject_of(asking.request));
  keelson_object found = nullptr;
  std::string error;
  const auto status = asking.host.get(&asking.instance, asking.call(), &subject.kind, &subject.key, &found, sink_to(error));
  answer(asking.lane, [&](wire::Answer::Builder to) {
    to.setStatus(status);
    if (status != 0) to.setText(data_of(error));
    if (found != nullptr) encode_owned(to.initObject(), asking, found);
  });
}

// In frames of kListFrameBytes, so that neither side needs memory for all of a large list at once.
void list(Asking& asking) {
  const auto subject = write_of(subject_of(asking.request));
  keelson_query query{};
  query.size = sizeof query;
  query.ns = subject.key.ns;
  query.labels = abi_bytes(asking.request.getText());
  query.fields = abi_bytes(asking.request.getMore());
  query.owner_uid = abi_bytes(asking.request.getThird());
  std::vector<keelson_object> found;
  std::string error;
  const keelson_object_sink sink{&found, [](void* to, keelson_object object) { static_cast<std::vector<keelson_object>*>(to)->push_back(object); }};
  const auto status = asking.host.list(&asking.instance, asking.call(), &subject.kind, &query, sink, sink_to(error));
  std::size_t at = 0;
  do {
    std::size_t end = at, bytes = 0;
    for (; end < found.size() && bytes < kListFrameBytes; ++end) bytes += object_of(found[end])->body().size();
    answer(asking.lane, [&](wire::Answer::Builder to) {
      to.setStatus(status);
      if (status != 0) to.setText(data_of(error));
      auto objects = to.initObjects(static_cast<unsigned>(end - at));
      for (std::size_t i = at; i < end; ++i) encode_owned(objects[static_cast<unsigned>(i - at)], asking, found[i]);
      to.setGoesOn(end < found.size());
    });
    at = end;
    if (at < found.size()) asking.lane.flush();
  } while (at < found.size());
}

void kinds(Asking& asking) {
  std::string all;
  const auto status = asking.host.kinds(&asking.instance, asking.call(), sink_to(all));
  answer_text(asking.lane, status, all);
}

void write(Asking& asking) {
  const auto wanted = write_of(subject_of(asking.request));
  keelson_object stored = nullptr;
  std::string text;
  const auto status = asking.host.write(&asking.instance, asking.call(), &wanted, &stored, sink_to(text));
  answer(asking.lane, [&](wire::Answer::Builder to) {
    to.setStatus(status);
    if (!text.empty()) to.setText(data_of(text));
    if (stored != nullptr) encode_owned(to.initObject(), asking, stored);
  });
}

std::vector<keelson_write> writes_of(Request request) {
  std::vector<keelson_write> out;
  for (const auto one : request.getWrites())
    if (out.size() < kWritesMax) out.push_back(write_of(one));
  return out;
}

void transact(Asking& asking) {
  const auto writes = writes_of(asking.request);
  std::string error;
  const auto status = asking.host.transact(&asking.instance, asking.call(), writes.data(), writes.size(), sink_to(error));
  answer_text(asking.lane, status, error);
}

void submit(Asking& asking) {
  const auto wanted = write_of(subject_of(asking.request));
  std::string error;
  const auto status = asking.host.submit(&asking.instance, asking.call(), &wanted, asking.request.getToken(), sink_to(error));
  answer_text(asking.lane, status, error);
}

void submit_each(Asking& asking) {
  const auto writes = writes_of(asking.request);
  std::string error;
  const auto status = asking.host.submit_each(&asking.instance, asking.call(), writes.data(), writes.size(), asking.request.getToken(), sink_to(error));
  answer_text(asking.lane, status, error);
}

void event(Asking& asking) {
  const auto request = asking.request;
  const auto note = subject_of(request);   // its body is the note, its options the component
  asking.host.event(&asking.instance, asking.call(), abi_bytes(request.getText()), static_cast<std::int32_t>(request.getNumber()), abi_bytes(request.getMore()),
                    abi_bytes(note.getBody()), abi_bytes(note.getOptions()));
}

void metric(Asking& asking) {
  const auto request = asking.request;
  std::vector<double> bounds;
  for (const double bound : request.getBounds())
    if (bounds.size() < kBoundsMax) bounds.push_back(bound);
  keelson_metric wanted{};
  wanted.size = sizeof wanted;
  wanted.type = static_cast<std::uint32_t>(request.getNumber());
  wanted.name = abi_bytes(request.getText());
  wanted.help = abi_bytes(request.getMore());
  wanted.labels = abi_bytes(request.getThird());
  wanted.bounds = bounds.data();
  wanted.bound_count = bounds.size();
  const auto number = asking.host.metric(&asking.instance, &wanted);
  answer(asking.lane, [&](wire::Answer::Builder to) { to.setNumber(static_cast<std::int64_t>(number)); });
}

void config(Asking& asking) {
  std::string value;
  const auto found = asking.host.config(&asking.instance, abi_bytes(asking.request.getText()), sink_to(value));
  answer(asking.lane, [&](wire::Answer::Builder to) {
    to.setFound(found != 0);
    to.setText(data_of(value));
  });
}

void enqueue(Asking& asking) {
  const auto subject = write_of(subject_of(asking.request));
  asking.host.enqueue(&asking.instance, static_cast<std::uint32_t>(asking.request.getToken()), &subject.key, asking.request.getNumber());
}

void stream(Asking& asking, RequestOp op) {
  const auto request = asking.request;
  const auto number = static_cast<std::int32_t>(request.getNumber());
  if (asking.stream == nullptr) {   // it may only ask during serve
    if (op == RequestOp::stream_write || op == RequestOp::stream_closed) answer(asking.lane, [op](wire::Answer::Builder to) { to.setNumber(op == RequestOp::stream_closed); });
    return;
  }
  const auto& to = *asking.stream;
  switch (op) {
    case RequestOp::respond: return to.respond(to.to, number, abi_bytes(request.getText()));
    case RequestOp::stream_fail: return to.fail(to.to, number, abi_bytes(request.getText()));
    case RequestOp::stream_forward:
      if (!asking.instance.library().has_network()) {
        const auto why = base::to_status_json(base::unavailable("the plugin may not forward: it has no network (process.network)"));
        return to.fail(to.to, 503, bytes_of(why));
      }
      return to.forward(to.to, abi_bytes(request.getText()), abi_bytes(request.getMore()));
    default: break;
  }
  const auto result = op == RequestOp::stream_write ? to.write(to.to, abi_bytes(request.getText())) : to.closed(to.to);
  answer(asking.lane, [&](wire::Answer::Builder into) { into.setNumber(result); });
}

// Whether somebody listens at a point. The objects of such a question live in the child, so it is not passed on.
void ask(Asking& asking) {
  keelson_hook_request request{};
  request.size = sizeof request;
  request.point = abi_bytes(asking.request.getText());
  std::string error;
  const auto status = asking.host.ask(&asking.instance, asking.call(), &request, {nullptr, nullptr}, sink_to(error));
  answer_text(asking.lane, status, error);
}

}  // namespace

keelson_write write_of(wire::Write::Reader from) {
  keelson_write write{};
  write.size = sizeof write;
  write.op = from.getOp();
  write.kind = {abi_bytes(from.getGroup()), abi_bytes(from.getVersion()), abi_bytes(from.getResource())};
  write.key = {abi_bytes(from.getNs()), abi_bytes(from.getName())};
  write.subresource = abi_bytes(from.getSubresource());
  write.body = abi_bytes(from.getBody());
  write.options = abi_bytes(from.getOptions());
  return write;
}

void pass_on(Asking& asking) {
  std::string text;
  const auto status = asking.host.pass_on(&asking.instance, asking.call(), abi_bytes(asking.request.getText()), abi_bytes(asking.request.getMore()), abi_bytes(asking.request.getThird()), sink_to(text));
  answer_text(asking.lane, status, text);
}

void answer_request(Instance& instance, Lane& lane, Request request, const keelson_stream* serving) {
  Asking asking{instance, lane, request, serving};
  const auto op = static_cast<RequestOp>(request.getOp());
  switch (op) {
    case RequestOp::get: return get(asking);
    case RequestOp::list: return list(asking);
    case RequestOp::kinds: return kinds(asking);
    case RequestOp::write: return write(asking);
    case RequestOp::transact: return transact(asking);
    case RequestOp::submit: return submit(asking);
    case RequestOp::submit_each: return submit_each(asking);
    case RequestOp::event: return event(asking);
    case RequestOp::metric: return metric(asking);
    case RequestOp::record: return asking.host.record(&instance, request.getToken(), request.getValue());
    case RequestOp::log: return asking.host.log(&instance, asking.call(), static_cast<std::int32_t>(request.getNumber()), abi_bytes(request.getText()));
    case RequestOp::config: return config(asking);
    case RequestOp::enqueue: return enqueue(asking);
    case RequestOp::respond:
    case RequestOp::stream_write:
    case RequestOp::stream_fail:
    case RequestOp::stream_forward:
    case RequestOp::stream_closed: return stream(asking, op);
    case RequestOp::ask: return ask(asking);
    case RequestOp::pass_on: return pass_on(asking);
    case RequestOp::hook_changed: return asking.host.hook_changed(&instance, static_cast<std::uint32_t>(request.getNumber()));
  }
  throw kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::str("unknown request"));
}

void encode_object(wire::Object::Builder to, const store::Object& object, const kinds::Kind* kind) {
  const auto& columns = object.columns();
  to.setRevision(object.revision());
  to.setGeneration(columns.generation);
  to.setCreationUnixS(columns.creation_unix_s);
  to.setDeletionUnixS(columns.deletion_unix_s);
  to.setDeletionGraceS(columns.deletion_grace_s);
  set_text(columns.key.resource.text(), [&](unsigned size) { return to.initStorageKey(size); });
  to.setNs(columns.key.ns);
  to.setName(columns.key.name);
  set_text(columns.uid, [&](unsigned size) { return to.initUid(size); });
  set_text(controller_uid(object), [&](unsigned size) { return to.initControllerUid(size); });
  auto labels = to.initLabels(static_cast<unsigned>(columns.labels.size()));
  unsigned at = 0;
  for (const auto& [name, value] : columns.labels) {
    set_text(name.text(), [&](unsigned size) { return labels[at].initName(size); });
    set_text(value, [&](unsigned size) { return labels[at].initValue(size); });
    ++at;
  }
  if (kind != nullptr) {
    const auto count = static_cast<unsigned>(std::min(kind->selectable_fields.size(), columns.fields.size()));
    auto fields = to.initFields(count);
    for (unsigned i = 0; i < count; ++i) {
      fields[i].setName(kind->selectable_fields[i]);
      set_text(columns.fields[i], [&](unsigned size) { return fields[i].initValue(size); });
    }
  }
  auto finalizers = to.initFinalizers(static_cast<unsigned>(columns.finalizers.size()));
  at = 0;
  for (const auto& finalizer : columns.finalizers) {
    set_text(finalizer, [&](unsigned size) { return finalizers.init(at, size); });
    ++at;
  }
  to.setBody(data_of(object.body()));
  to.setOwnerCount(static_cast<std::uint32_t>(columns.owners.size()));
}

void encode_handle(wire::Object::Builder to, Instance& instance, keelson_object handle) {
  const auto& object = *object_of(handle);
  encode_object(to, object, instance.core().registry.current()->by_storage_key(object.key().resource).get());
}

}  // namespace keelson::plugins
