// The table of a plugin in a child, as the core calls it: each function is one call over a lane. `self` is the ChildLibrary.
#include "core/plugins/child/child_library.hpp"
#include "core/plugins/instance.hpp"

namespace keelson::plugins {
namespace {

using Asked = ChildLibrary::Asked;

ChildLibrary& child_of(void* self) { return *static_cast<ChildLibrary*>(self); }

void put(keelson_sink sink, std::string_view text) { sink.put(sink.to, bytes_of(text)); }

/// Nothing of an answer but its text.
ChildLibrary::Take text_to(keelson_sink sink) {
  return [sink](wire::Answer::Reader answer) {
    if (answer.hasText()) put(sink, text_of(answer.getText()));
  };
}

/// What the core learns when the child was not there to answer.
keelson_status checked(ChildLibrary& child, const Asked& asked, const ChildLibrary::Fill& fill, const ChildLibrary::Take& take, keelson_sink error) {
  bool answered = false;
  const auto status = child.ask(asked, fill, [&](wire::Answer::Reader answer) {
    answered = true;
    take(answer);
  });
  if (!answered) put(error, base::to_status_json(base::unavailable("the process of plugin " + child.instance().name() + " has ended")));
  return status;
}

/// What the child wants written with its answer, in its order, up to the first that fails.
keelson_status write_last(ChildLibrary& child, keelson_call call, wire::Answer::Reader answer, std::string& error) {
  for (const auto one : answer.getWrites()) {
    const auto write = write_of(one);
    if (const auto status = core_host_table().submit(&child.instance(), call, &write, 0, sink_to(error)); status != 0) return status;
  }
  return 0;
}

bool is_conflict(keelson_status status, const std::string& status_json) { return status == 409 && status_json.find(R"("reason":"Conflict")") != std::string::npos; }

struct Reconcile {
  keelson_call call;
  uint32_t controller;
  const keelson_key* key;
  keelson_next* next;
};

/// `conflict`: all is well but that somebody else wrote in between.
keelson_status reconcile_once(ChildLibrary& child, const Reconcile& asked, keelson_object object, keelson_sink error, bool& conflict) {
  const auto [call, controller, key, next] = asked;
  keelson_status written = 0;
  const auto fill = [&](wire::Call::Builder to) {
    to.setIndex(controller);
    set_text(text_of(key->ns), [&](unsigned size) { return to.initNs(size); });
    set_text(text_of(key->name), [&](unsigned size) { return to.initName(size); });
    if (object != nullptr) encode_handle(to.initObject(), child.instance(), object);
  };
  const auto take = [&](wire::Answer::Reader answer) {
    next->kind = answer.getNextKind();
    next->delay_ns = answer.getNextDelayNs();
    if (answer.hasText()) put(error, text_of(answer.getText()));
    std::string refused;
    written = write_last(child, call, answer, refused);
    conflict = answer.getStatus() == 0 && is_conflict(written, refused);
    if (written != 0 && answer.getStatus() == 0) put(error, refused);
  };
  const auto status = checked(child, {.op = CallOp::reconcile, .id = call, .give_up = child.give_up(call)}, fill, take, error);
  return status != 0 ? status : written;
}

// The child has not seen what its last write met, so it is asked again with what is there now.
keelson_status reconcile(void* self, keelson_call call, uint32_t controller, const keelson_key* key, keelson_object object, keelson_next* next, keelson_sink error) {
  auto& child = child_of(self);
  base::Outcome<store::ObjectRef> now = store::ObjectRef();
  for (int tries = 1;; ++tries) {
    bool conflict = false;
    std::string refused;
    const auto status = reconcile_once(child, {call, controller, key, next}, object, sink_to(refused), conflict);
    if (!conflict || tries == kLastWriteTries) {
      if (!refused.empty()) put(error, refused);
      return status;
    }
    now = child.instance().find_for(controller, *key);
    if (!now) {
      put(error, base::to_status_json(now.error()));
      return now.error().code;
    }
    object = handle_of(now->get());
  }
}

keelson_status map(void* self, keelson_call call, uint32_t controller, uint32_t source, keelson_object object, keelson_sink keys) {
  auto& child = child_of(self);
  const auto fill = [&](wire::Call::Builder to) {
    to.setIndex(controller);
    to.setSecond(source);
    encode_handle(to.initObject(), child.instance(), object);
  };
  const auto take = [&](wire::Answer::Reader answer) {
    for (const auto key : answer.getTexts()) put(keys, text_of(key));
  };
  return child.ask({.op = CallOp::map, .id = call, .give_up = child.give_up(call), .on_event_lane = true}, fill, take);
}

int32_t predicate(void* self, uint32_t controller, uint32_t source, keelson_object before, keelson_object now) {
  auto& child = child_of(self);
  const auto fill = [&](wire::Call::Builder to) {
    to.setIndex(controller);
    to.setSecond(source);
    if (now != nullptr) encode_handle(to.initObject(), child.instance(), now);
    if (before != nullptr) encode_handle(to.initBefore(), child.instance(), before);
  };
  std::int32_t through = 1;
  child.ask({.op = CallOp::predicate, .give_up = child.in_ms(kShortCall_ms), .on_event_lane = true, .what = "a predicate"}, fill,
            [&](wire::Answer::Reader answer) { through = answer.getNumber() != 0; });
  return through;
}

keelson_status observe(void* self, keelson_call call, uint32_t observer, int32_t what, keelson_bytes kind_json, keelson_object now, keelson_object before) {
  auto& child = child_of(self);
  const auto fill = [&](wire::Call::Builder to) {
    to.setIndex(observer);
    to.setWhat(what);
    to.setData(data_of(kind_json));
    if (now != nullptr) encode_handle(to.initObject(), child.instance(), now);
    if (before != nullptr) encode_handle(to.initBefore(), child.instance(), before);
  };
  return child.ask({.op = CallOp::observe, .id = call, .give_up = child.give_up(call), .on_event_lane = true}, fill, [](auto) {});
}

keelson_status task(void* self, keelson_call call, uint32_t task, keelson_sink error) {
  auto& child = child_of(self);
  return checked(child, {.op = CallOp::task, .id = call, .give_up = child.give_up(call)}, [&](auto to) { to.setIndex(task); }, text_to(error), error);
}

keelson_status serve(void* self, keelson_call call, uint32_t route, keelson_bytes request_json, const keelson_stream* stream) {
  auto& child = child_of(self);
  const auto fill = [&](wire::Call::Builder to) {
    to.setIndex(route);
    to.setData(data_of(request_json));
  };
  const Asked asked{.op = CallOp::serve, .id = call, .give_up = child.give_up(call), .stream = stream};
  const keelson_sink failed{const_cast<keelson_stream*>(stream), [](void* to, keelson_bytes status) {
    const auto& answering = *static_cast<keelson_stream*>(to);
    answering.fail(answering.to, 503, status);
  }};
  return checked(child, asked, fill, [](auto) {}, failed);
}

void completion(void* self, uint64_t token, keelson_status status, keelson_bytes status_json) {
  auto& child = child_of(self);
  const auto fill = [&](wire::Call::Builder to) {
    to.setToken(token);
    to.setWhat(status);
    to.setData(data_of(status_json));
  };
  child.ask({.op = CallOp::completion, .give_up = child.in_ms(kCallDeadline_ms), .on_event_lane = true, .what = "a completion"}, fill, [](auto) {});
}

keelson_status check(void* self, keelson_sink out) {
  auto& child = child_of(self);
  return checked(child, {.op = CallOp::check, .give_up = child.in_ms(kShortCall_ms), .what = "its check"}, [](auto) {}, text_to(out), out);
}

keelson_status drain(void* self, int64_t deadline_ns) {
  auto& child = child_of(self);
  if (child.died()) return 0;
  std::string ignored;
  return checked(child, {.op = CallOp::drain, .give_up = deadline_ns + kChildGrace_ms * base::kNanosPerMs, .on_event_lane = true, .what = "drain"}, [](auto) {}, [](auto) {}, sink_to(ignored));
}

void destroy(void* self) {
  auto& child = child_of(self);
  if (!child.died()) child.ask({.op = CallOp::destroy, .give_up = child.in_ms(kShortCall_ms), .on_event_lane = true, .what = "destroy"}, [](auto) {}, [](auto) {});
}

void take_hook(wire::Answer::Reader answer, keelson_hook_answer& into, keelson_sink error) {
  into.decision = answer.getDecision();
  into.number = answer.getNumber();
  into.independent = answer.getIndependent();
  if (answer.hasText()) into.text(into.to, abi_bytes(answer.getText()));
  if (answer.hasBody()) into.body(into.to, abi_bytes(answer.getBody()));
  for (const auto warning : answer.getTexts()) into.warn(into.to, abi_bytes(warning));
  for (const auto from : answer.getWrites()) {
    const auto write = write_of(from);
    into.write(into.to, &write);
  }
  if (answer.hasError()) put(error, text_of(answer.getError()));
}

keelson_status hook(void* self, keelson_call call, uint32_t hook, const keelson_hook_request* request, keelson_hook_answer* answer, keelson_sink error) {
  auto& child = child_of(self);
  const auto fill = [&](wire::Call::Builder to) {
    to.setIndex(hook);
    to.setData(data_of(request->point));
    auto texts = to.initTexts(request->field_count);
    for (unsigned i = 0; i < request->field_count; ++i) texts.set(i, data_of(request->fields[i]));
    auto objects = to.initObjects(static_cast<unsigned>(request->object_count));
    for (unsigned i = 0; i < request->object_count; ++i)
      if (request->objects[i] != nullptr) encode_handle(objects[i], child.instance(), request->objects[i]);
  };
  return checked(child, {.op = CallOp::hook, .id = call, .give_up = child.give_up(call)}, fill,
                 [&](wire::Answer::Reader from) { take_hook(from, *answer, error); }, error);
}

}  // namespace

const keelson_plugin_v1& child_table() {
  static const keelson_plugin_v1 table{sizeof(keelson_plugin_v1), KEELSON_ABI_MINOR, "", "", nullptr, reconcile, map, predicate, observe, task, serve, completion, check, drain, destroy, hook};
  return table;
}

keelson_status ChildLibrary::start(Instance& instance, keelson_sink out, void** self) {
  instance_ = &instance;
  watcher_ = runtime_.spawn("child", [this] { watch(); });
  *self = this;
  // Sooner than the core's own patience, so that a start that hangs ends as one that failed.
  const Asked asked{.op = CallOp::start, .give_up = in_ms(kStartDeadline_ms * 3 / 4), .on_event_lane = true, .what = "its start"};
  return checked(*this, asked, [](auto) {}, text_to(out), out);
}

}  // namespace keelson::plugins
