#include "core/plugins/child/child_main.hpp"

#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <list>
#include <memory>

#include "core/base/log.hpp"
#include "core/base/processor.hpp"
#include "core/plugins/child/child_host.hpp"
#include "core/plugins/library.hpp"
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace keelson::plugins {
namespace {

enum Descriptor : int { kControl = 3, kEventLane = 4, kOutsideLane = 5, kLibrary = 6 };
constexpr std::size_t kLaneStackBytes = 512 * 1024;
constexpr std::size_t kEventStackBytes = 1024 * 1024;
constexpr std::size_t kStatusBytesMax = 1u << 20;
/// A call that has run for so long keeps none waiting behind it any more.
constexpr std::int64_t kTooLongAhead_ms = 2;

std::string_view view_of(keelson_bytes bytes) { return bytes.size == 0 ? std::string_view() : std::string_view(bytes.data, bytes.size); }

/// A sink that appends to a string, up to a limit.
keelson_sink sink_to_text(std::string& text) {
  return {&text, [](void* to, keelson_bytes bytes) {
    auto& all = *static_cast<std::string*>(to);
    if (all.size() + bytes.size <= kStatusBytesMax) all.append(bytes.data, bytes.size);
  }};
}

/// What runs the calls of one lane.
class Server {
 public:
  Server(ChildHost& host, Lane& lane) : host_(host), lane_(lane) {}
  /// Until the lane ends.
  void run();
  /// What has waited for a while behind a call that takes long goes back to the core. Any thread.
  void give_back();

 private:
  struct Outcome {
    keelson_status status = 0;
    std::string text;
    keelson_next next{};
    std::int64_t number = 0, ran_ns = 0;
    std::vector<std::string> texts;
    std::vector<KeptWrite> last;
  };
  bool next(FrameRef& out);
  void serve(const FrameRef& received);
  void carry_out(const FrameRef& received, wire::Call::Reader call, Outcome& out);
  void stream(wire::Call::Reader call, Outcome& outcome);
  void hook(const FrameRef& received, wire::Call::Reader call);
  void answer(const Outcome& outcome);

  ChildHost& host_;
  Lane& lane_;
  Intake intake_;
};

/// What the core asks one call after another happens in that order, whichever lanes they come on. The thread sanitizer sees but one process
/// and has to be told.
class InOrderOfTheCore {
 public:
#ifdef __SANITIZE_THREAD__
  InOrderOfTheCore() { __tsan_acquire(&order_); }
  ~InOrderOfTheCore() { __tsan_release(&order_); }

 private:
  inline static char order_;
#else
  InOrderOfTheCore() = default;
  ~InOrderOfTheCore() {}
#endif
};

/// The plugin's own state, one in the process.
void* plugin_self = nullptr;

struct Borrowed {   // for the length of a call
  Borrowed(const FrameRef& frame, bool present, wire::Object::Reader object) : handle(present ? new_object(frame, object) : nullptr) {}
  ~Borrowed() {
    if (handle != nullptr) child_object_of(handle)->release();
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  const keelson_object handle;
};

void Server::run() {
  for (FrameRef received; next(received); received.reset()) {
    serve(received);
  }
}

// What was answered leaves before the next call begins: of those that the core waits for on a lane the first is the one that runs.
bool Server::next(FrameRef& out) {
  if (!lane_.flush()) return false;
  do {
    while (intake_.empty() || lane_.has_frame()) {
      FrameRef received;
      if (lane_.receive(received, host_.runtime()) != Lane::Got::frame) return false;
      if (!received->frame().isCall()) ChildHost::lost();
      intake_.add(std::move(received));
    }
    out = intake_.take(host_.runtime().monotonic_ns());
  } while (!out);   // given back meanwhile
  return true;
}

void Server::give_back() {
  const auto ids = intake_.give_back(host_.runtime().monotonic_ns() - kTooLongAhead_ms * base::kNanosPerMs);
  if (ids.empty()) return;
  lane_.put([&](wire::Frame::Builder frame) {
    auto to = frame.initGivenBack(static_cast<unsigned>(ids.size()));
    for (unsigned i = 0; i < ids.size(); ++i) to.set(i, ids[i]);
  });
  lane_.flush();
}

void Server::serve(const FrameRef& received) {
  const InOrderOfTheCore in_order;
  const auto call = received->frame().getCall();
  base::stay_on(call.getProcessor());
  const auto op = static_cast<CallOp>(call.getOp());
  Outcome outcome;
  host_.set_lane(&lane_, &intake_, call.getDeadlineNs(), op == CallOp::reconcile ? &outcome.last : nullptr);
  if (op == CallOp::hook) {
    hook(received, call);
    return host_.set_lane(nullptr, nullptr, base::kForever);
  }
  const auto begun = host_.runtime().monotonic_ns();
  carry_out(received, call, outcome);
  outcome.ran_ns = host_.runtime().monotonic_ns() - begun;
  host_.set_lane(nullptr, nullptr, base::kForever);
  answer(outcome);
}

void Server::answer(const Outcome& outcome) {
  lane_.put([&](wire::Frame::Builder frame) {
    auto to = frame.initAnswer();
    to.setStatus(outcome.status);
    to.setNumber(outcome.number);
    to.setRanNs(outcome.ran_ns);
    to.setNextKind(outcome.next.kind);
    to.setNextDelayNs(outcome.next.delay_ns);
    if (!outcome.text.empty()) to.setText(data_of(std::string_view(outcome.text)));
    auto texts = to.initTexts(static_cast<unsigned>(outcome.texts.size()));
    for (unsigned i = 0; i < outcome.texts.size(); ++i) texts.set(i, outcome.texts[i]);
    auto writes = to.initWrites(static_cast<unsigned>(outcome.last.size()));
    for (unsigned i = 0; i < outcome.last.size(); ++i) outcome.last[i].fill(writes[i]);
  });
}

void Server::carry_out(const FrameRef& received, wire::Call::Reader call, Outcome& out) {
  const auto& plugin = *host_.plugin;
  auto* const self = plugin_self;
  const auto id = call.getId();
  const Borrowed object(received, call.hasObject(), call.getObject()), before(received, call.hasBefore(), call.getBefore());
  const auto error = sink_to_text(out.text);
  switch (static_cast<CallOp>(call.getOp())) {
    case CallOp::start: out.status = plugin.start(&child_host_table(), &host_, error, &plugin_self); break;
    case CallOp::reconcile: {
      const keelson_key key{abi_bytes(call.getNs()), abi_bytes(call.getName())};
      out.next.size = sizeof out.next;
      out.status = plugin.reconcile(self, id, call.getIndex(), &key, object.handle, &out.next, error);
      break;
    }
    case CallOp::map: {
      const keelson_sink keys{&out.texts, [](void* to, keelson_bytes key) { static_cast<std::vector<std::string>*>(to)->emplace_back(view_of(key)); }};
      out.status = plugin.map(self, id, call.getIndex(), call.getSecond(), object.handle, keys);
      break;
    }
    case CallOp::predicate: out.number = plugin.predicate(self, call.getIndex(), call.getSecond(), before.handle, object.handle); break;
    case CallOp::observe: out.status = plugin.observe(self, id, call.getIndex(), call.getWhat(), abi_bytes(call.getData()), object.handle, before.handle); break;
    case CallOp::task: out.status = plugin.task(self, id, call.getIndex(), error); break;
    case CallOp::serve: stream(call, out); break;
    case CallOp::completion: plugin.completion(self, call.getToken(), call.getWhat(), abi_bytes(call.getData())); break;
    case CallOp::check: out.status = plugin.check(self, error); break;
    case CallOp::drain: out.status = plugin.drain(self, call.getDeadlineNs()); break;
    case CallOp::destroy: plugin.destroy(self); break;
    default: out.status = 501;
  }
}

void Server::stream(wire::Call::Reader call, Outcome& outcome) {
  keelson_stream table{};
  table.size = sizeof table;
  table.to = &host_;
  table.respond = [](void* to, std::int32_t code, keelson_bytes type) {
    static_cast<ChildHost*>(to)->say(RequestOp::respond, 0, [&](wire::Request::Builder r) { r.setNumber(code), r.setText(data_of(type)); });
  };
  table.write = [](void* to, keelson_bytes bytes) {
    std::int64_t there = 0;
    static_cast<ChildHost*>(to)->ask(RequestOp::stream_write, 0, [&](wire::Request::Builder r) { r.setText(data_of(bytes)); }, [&](const FrameRef&, wire::Answer::Reader a) { there = a.getNumber(); });
    return static_cast<std::int32_t>(there);
  };
  table.fail = [](void* to, keelson_status code, keelson_bytes status) {
    static_cast<ChildHost*>(to)->say(RequestOp::stream_fail, 0, [&](wire::Request::Builder r) { r.setNumber(code), r.setText(data_of(status)); });
  };
  table.forward = [](void* to, keelson_bytes host, keelson_bytes path) {
    static_cast<ChildHost*>(to)->say(RequestOp::stream_forward, 0, [&](wire::Request::Builder r) { r.setText(data_of(host)), r.setMore(data_of(path)); });
  };
  table.closed = [](void* to) {
    std::int64_t closed = 1;
    static_cast<ChildHost*>(to)->ask(RequestOp::stream_closed, 0, [](wire::Request::Builder) {}, [&](const FrameRef&, wire::Answer::Reader a) { closed = a.getNumber(); });
    return static_cast<std::int32_t>(closed);
  };
  outcome.status = host_.plugin->serve(plugin_self, call.getId(), call.getIndex(), abi_bytes(call.getData()), &table);
}

/// An answer of a hook as it grows; texts are kept, since the builder must wait until the plugin has returned.
struct HookAnswer {
  std::string text, body, error;
  std::vector<std::string> warnings;
  std::vector<KeptWrite> writes;
};

keelson_hook_answer hook_table(HookAnswer& answer) {
  keelson_hook_answer table{};
  table.size = sizeof table;
  table.to = &answer;
  table.text = [](void* to, keelson_bytes text) { static_cast<HookAnswer*>(to)->text = view_of(text); };
  table.body = [](void* to, keelson_bytes body) { static_cast<HookAnswer*>(to)->body = view_of(body); };
  table.warn = [](void* to, keelson_bytes warning) { static_cast<HookAnswer*>(to)->warnings.emplace_back(view_of(warning)); };
  table.write = [](void* to, const keelson_write* write) { static_cast<HookAnswer*>(to)->writes.emplace_back(*write); };
  return table;
}

void fill_hook(wire::Answer::Builder to, keelson_status status, const keelson_hook_answer& table, const HookAnswer& answer) {
  to.setStatus(status);
  to.setDecision(table.decision);
  to.setNumber(table.number);
  to.setIndependent(table.independent);
  if (!answer.text.empty()) to.setText(data_of(std::string_view(answer.text)));
  if (!answer.body.empty()) to.setBody(data_of(std::string_view(answer.body)));
  if (!answer.error.empty()) to.setError(data_of(std::string_view(answer.error)));
  auto warnings = to.initTexts(static_cast<unsigned>(answer.warnings.size()));
  for (unsigned i = 0; i < answer.warnings.size(); ++i) warnings.set(i, answer.warnings[i]);
  auto writes = to.initWrites(static_cast<unsigned>(answer.writes.size()));
  for (unsigned i = 0; i < answer.writes.size(); ++i) answer.writes[i].fill(writes[i]);
}

void Server::hook(const FrameRef& received, wire::Call::Reader call) {
  std::vector<keelson_bytes> fields;
  for (const auto text : call.getTexts()) fields.push_back(abi_bytes(text));
  std::vector<keelson_object> objects;
  for (const auto object : call.getObjects()) objects.push_back(object.hasName() ? new_object(received, object) : nullptr);
  const keelson_hook_request request{sizeof request, static_cast<std::uint32_t>(fields.size()), abi_bytes(call.getData()), fields.data(), objects.data(), objects.size()};
  HookAnswer answer;
  auto table = hook_table(answer);
  const auto& plugin = *host_.plugin;
  const bool able = plugin.minor >= 1 && plugin.hook != nullptr;
  const auto status = able ? plugin.hook(plugin_self, call.getId(), call.getIndex(), &request, &table, sink_to_text(answer.error)) : 501;
  for (const auto object : objects)
    if (object != nullptr) child_object_of(object)->release();
  lane_.put([&](wire::Frame::Builder frame) { fill_hook(frame.initAnswer(), status, table, answer); });
}

void say_hello(Lane& lane, const keelson_plugin_v1* table, const Refusal& refusal) {
  lane.put([&](wire::Frame::Builder frame) {
    auto hello = frame.initHello();
    hello.setRefusalReason(refusal.reason);
    hello.setRefusalMessage(refusal.message);
    if (table == nullptr || !refusal.reason.empty()) return;
    hello.setName(table->name);
    hello.setVersion(table->version);
    hello.setMinor(table->minor);
  });
  if (!lane.flush()) ChildHost::lost();
}

/// Null, and why, when it is no plugin.
const keelson_plugin_v1* load(const std::string& name, Refusal& refusal) {
  void* const handle = ::dlopen(("/proc/self/fd/" + std::to_string(kLibrary)).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = ::dlerror();
    refusal = {"LoadFailed", why != nullptr ? why : "dlopen failed"};
    return nullptr;
  }
  ::close(kLibrary);
  const auto entry = reinterpret_cast<keelson_plugin_entry>(::dlsym(handle, KEELSON_ENTRY_SYMBOL));
  const auto* const table = entry != nullptr ? entry() : nullptr;
  if (auto wrong = check_table(name, table)) {
    refusal = std::move(*wrong);
    return nullptr;
  }
  return table;
}

/// A byte of the control socket and the descriptor that came with it. 0: the core is gone.
char next_command(int& fd) {
  char what = 0;
  iovec bytes{&what, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  ssize_t got = 0;
  do got = ::recvmsg(kControl, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  fd = -1;
  if (const auto* header = CMSG_FIRSTHDR(&message); got == 1 && header != nullptr && header->cmsg_type == SCM_RIGHTS) std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return got == 1 ? what : 0;
}

struct Serving {   // a lane and its thread
  std::unique_ptr<Lane> lane;
  std::unique_ptr<Server> server;
  std::shared_ptr<std::atomic<bool>> ended = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<base::Thread> thread;
};

void open_lane(std::list<Serving>& lanes, ChildHost& host, std::unique_ptr<Lane> lane, const char* name, std::size_t stack_bytes) {
  lanes.remove_if([](const Serving& serving) { return serving.ended->load(); });
  auto& serving = lanes.emplace_back();
  serving.lane = std::move(lane);
  serving.server = std::make_unique<Server>(host, *serving.lane);
  serving.thread = host.runtime().spawn(name, [&server = *serving.server, ended = serving.ended] {
    server.run();
    ended->store(true);
  }, stack_bytes);
}

}  // namespace

int run_child(const ChildArguments& arguments) {
  for (const auto& missing : enter_sandbox({arguments.memory_bytes_max, arguments.network, kLibrary}))
    base::log_warn("plugins", "the sandbox has a hole", {{"plugin", arguments.name}, {"what", missing}});
  const auto runtime = base::real_runtime();
  auto event_lane = std::make_unique<Lane>(kEventLane, false);
  Lane outside(kOutsideLane, false);
  ChildHost host(*runtime, outside);
  int none = -1;
  if (next_command(none) != kGo) return 0;   // until its limits hold
  Refusal refusal;
  host.plugin = load(arguments.name, refusal);
  seal();
  say_hello(*event_lane, host.plugin, refusal);
  if (host.plugin == nullptr) return 0;
  std::list<Serving> lanes;
  open_lane(lanes, host, std::move(event_lane), "events", kEventStackBytes);
  int fd = -1;
  while (const char command = next_command(fd)) {
    if (command == kNewLane && fd < 0) ::_exit(kNoDescriptors);
    if (command == kNewLane) open_lane(lanes, host, std::make_unique<Lane>(fd, false), "lane", kLaneStackBytes);
    if (command == kCancelAll) host.cancel_all();
    if (command == kGiveBack)
      for (auto& serving : lanes) serving.server->give_back();
  }
  ::_exit(0);   // lanes may still be inside of the plugin
}

}  // namespace keelson::plugins
