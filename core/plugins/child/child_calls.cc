// The table of a plugin in a child, as the core calls it: each function is one call over a lane. `self` is the ChildLibrary.
#include <algorithm>

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

std::string has_ended(const ChildLibrary& child) { return base::to_status_json(base::unavailable("the process of plugin " + child.instance().name() + " has ended")); }

/// What the core learns when the child was not there to answer.
keelson_status checked(ChildLibrary& child, const Asked& asked, const ChildLibrary::Fill& fill, const ChildLibrary::Take& take, keelson_sink error) {
  bool answered = false;
  const auto status = child.ask(asked, fill, [&](wire::Answer::Reader answer) {
    answered = true;
    take(answer);
  });
  if (!answered) put(error, has_ended(child));
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

ChildLibrary::Fill fill_reconcile(const ChildLibrary& child, std::uint32_t controller, const Batched& one) {
  return [&child, controller, &one](wire::Call::Builder to) {
    to.setIndex(controller);
    set_text(text_of(one.key.ns), [&](unsigned size) { return to.initNs(size); });
    set_text(text_of(one.key.name), [&](unsigned size) { return to.initName(size); });
    if (one.shown) encode_handle(to.initObject(), child.instance(), handle_of(one.shown.get()));
  };
}

/// One time that a reconcile is asked for.
struct Attempt {
  bool answered = false;
  bool conflict = false;         ///< all is well but that somebody else wrote in between
  keelson_status written = 0;
};

ChildLibrary::Take take_reconcile(ChildLibrary& child, Batched& one, Attempt& attempt) {
  return [&](wire::Answer::Reader answer) {
    attempt.answered = true;
    auto& result = one.job->result;
    result.next.kind = answer.getNextKind();
    result.next.delay_ns = answer.getNextDelayNs();
    result.error_json = text_of(answer.getText());
    const auto begun = child.now();
    std::string refused;
    attempt.written = write_last(child, one.job->call->id, answer, refused);
    result.cost_ns = std::max<std::int64_t>(answer.getRanNs(), 0) + child.now() - begun;
    attempt.conflict = answer.getStatus() == 0 && is_conflict(attempt.written, refused);
    if (attempt.written != 0 && answer.getStatus() == 0) result.error_json = refused;
  };
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

// --- reconciles ----------------------------------------------------------------------------------------------------

// One after the other, as the child answers; those that wait were sent ahead.
void ChildLibrary::reconcile_all(std::uint32_t controller, std::span<Batched> all, const std::function<void(Batched&)>& done) {
  auto lane = take_lane();
  std::size_t sent = 0;
  const auto end = [&](Batched& one) {
    --asking_;
    done(one);
  };
  const auto given_back = [&](std::uint64_t id) {   // at once: the one that they waited behind still runs
    const auto found = std::find_if(all.begin(), all.end(), [id](const Batched& one) { return one.job != nullptr && one.job->call->id == id; });
    if (found == all.end() || found - all.begin() >= static_cast<std::ptrdiff_t>(sent)) return;   // it makes that up
    found->job->result.given_back = true;
    end(*found);
  };
  asking_ += static_cast<int>(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto& one = all[i];
    if (one.job == nullptr) continue;
    const CallTable::Here here(one.job->call);
    if (lane && sent <= i) sent = send_ahead(*lane, controller, all, i);
    if (!lane) one.job->result.status = 503, one.job->result.error_json = has_ended(*this);
    else if (!hear_next(*lane, controller, one, given_back)) lane.reset();
    if (one.job != nullptr) end(one);
  }
  if (lane) give_back(std::move(lane));
}

// Those from `from` on that may be sent together. The first that may not.
std::size_t ChildLibrary::send_ahead(Lane& lane, std::uint32_t controller, std::span<Batched> all, std::size_t from) {
  const auto send = [&](const Batched& one) { put(lane, {.op = CallOp::reconcile, .id = one.job->call->id, .give_up = give_up(*one.job->call)}, fill_reconcile(*this, controller, one)); };
  send(all[from]);
  const auto first = lane.unsent_bytes();
  auto next = from + 1;
  for (; next < all.size(); ++next) {
    const auto& object = all[next].shown;
    if (lane.unsent_bytes() - first + kFrameBytesTypical + (object ? object->body().size() : 0) > kAheadBytesMax) break;
    send(all[next]);
  }
  return next;
}

// The child has not seen what its last write met, so it is asked again with what is there now.
bool ChildLibrary::hear_next(Lane& lane, std::uint32_t controller, Batched& one, const std::function<void(std::uint64_t)>& given_back) {
  const auto id = one.job->call->id;
  auto& result = one.job->result;
  Asked asked{.op = CallOp::reconcile, .id = id, .give_up = give_up(*one.job->call), .given_back = given_back};
  Attempt attempt;
  auto status = talk(lane, asked, take_reconcile(*this, one, attempt));
  if (one.job == nullptr) return true;
  const bool there = status != -1;
  if (!there) note_lost(asked);
  asked.given_back = nullptr;
  for (int tries = 1; there && attempt.conflict && tries < kLastWriteTries; ++tries) {
    auto now = instance_->find_for(controller, one.key);
    if (!now) {
      result.status = now.error().code, result.error_json = base::to_status_json(now.error());
      return true;
    }
    one.shown = std::move(*now);
    attempt = {};
    status = ask(asked, fill_reconcile(*this, controller, one), take_reconcile(*this, one, attempt));
  }
  if (!attempt.answered) status = 503, result.error_json = has_ended(*this);
  result.status = status != 0 ? status : attempt.written;
  return there;
}

const keelson_plugin_v1& child_table() {
  // Reconciles are asked for by reconcile_all().
  static const keelson_plugin_v1 table{sizeof(keelson_plugin_v1), KEELSON_ABI_MINOR, "", "", nullptr, nullptr, map, predicate, observe, task, serve, completion, check, drain, destroy, hook};
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
