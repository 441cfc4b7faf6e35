#include "core/plugins/declare.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstddef>
#include <cstring>

#include "core/base/json_value.hpp"
#include "core/plugins/instance.hpp"
#include "core/plugins/library.hpp"
#include "core/plugins/sandbox.hpp"

namespace keelson::plugins {
namespace {

namespace json = boost::json;

constexpr int kPluginDescriptor = 3;
constexpr std::size_t kAnswerBytesMax = 16u << 20;

// --- the child: a host that writes down ----------------------------------------------------------------------------

struct Recorder {
  json::array config, metrics;
};

Recorder& recorder_of(void* host) { return *static_cast<Recorder*>(host); }
void put(keelson_sink sink, std::string_view text) { sink.put(sink.to, bytes_of(text)); }

keelson_status nothing_here(keelson_sink error) {
  put(error, base::to_status_json(base::unavailable("nothing is served while a plugin is looked at")));
  return 503;
}

void fill_objects(keelson_host_v1& t) {
  t.retain = [](void*, keelson_object) {};
  t.release = [](void*, keelson_object) {};
  t.view = [](void*, keelson_object, keelson_object_view* out) { std::memset(reinterpret_cast<char*>(out) + sizeof out->size, 0, out->size - sizeof out->size); };
  t.label = [](void*, keelson_object, keelson_bytes, keelson_bytes*) { return 0; };
  t.field = [](void*, keelson_object, keelson_bytes, keelson_bytes*) { return 0; };
  t.finalizer = [](void*, keelson_object, std::uint32_t, keelson_bytes*) { return 0; };
  t.get = [](void*, keelson_call, const keelson_kind*, const keelson_key*, keelson_object*, keelson_sink error) { return nothing_here(error); };
  t.list = [](void*, keelson_call, const keelson_kind*, const keelson_query*, keelson_object_sink, keelson_sink error) { return nothing_here(error); };
  t.kinds = [](void*, keelson_call, keelson_sink out) { return put(out, "[]"), 0; };
  t.write = [](void*, keelson_call, const keelson_write*, keelson_object*, keelson_sink out) { return nothing_here(out); };
  t.transact = [](void*, keelson_call, const keelson_write*, std::size_t, keelson_sink error) { return nothing_here(error); };
  t.submit = [](void*, keelson_call, const keelson_write*, std::uint64_t, keelson_sink error) { return nothing_here(error); };
}

void fill_records(keelson_host_v1& t) {
  t.event = [](void*, keelson_call, keelson_bytes, std::int32_t, keelson_bytes, keelson_bytes, keelson_bytes) {};
  t.metric = [](void* host, const keelson_metric* metric) -> std::uint64_t {
    auto& metrics = recorder_of(host).metrics;
    metrics.emplace_back(text_of(metric->name));
    return metrics.size();
  };
  t.record = [](void*, std::uint64_t, double) {};
  t.log = [](void*, keelson_call, std::int32_t, keelson_bytes) {};
  t.unix_ns = [](void*) -> std::int64_t { return 0; };
  t.monotonic_ns = [](void*) -> std::int64_t { return 0; };
  t.random_u64 = [](void*) -> std::uint64_t { return 1; };
  t.sleep = [](void*, keelson_call, std::int64_t) { return 0; };
  t.cancelled = [](void*, keelson_call) { return 1; };
  t.config = [](void* host, keelson_bytes key, keelson_sink) { return recorder_of(host).config.emplace_back(text_of(key)), 0; };
  t.enqueue = [](void*, std::uint32_t, const keelson_key*, std::int64_t) {};
}

keelson_host_v1 recording_table() {
  keelson_host_v1 table{};
  table.size = offsetof(keelson_host_v1, enqueue) + sizeof table.enqueue;   // what came later is not there
  table.minor = KEELSON_ABI_MINOR;
  fill_objects(table);
  fill_records(table);
  return table;
}

json::object refused(const std::string& reason, const std::string& message) { return {{"reason", reason}, {"message", message}}; }

json::object run_start(const keelson_plugin_v1& plugin) {
  Recorder recorder;
  const auto table = recording_table();
  std::string answer;
  void* self = nullptr;
  const auto status = guarded_call(plugin.name, answer, [&] { return plugin.start(&table, &recorder, sink_to(answer), &self); });
  json::object out{{"name", plugin.name}, {"version", plugin.version}, {"abi", std::to_string(KEELSON_ABI_MAJOR) + "." + std::to_string(plugin.minor)},
                   {"config", std::move(recorder.config)}, {"metrics", std::move(recorder.metrics)}};
  if (status == 0) out["json"] = answer;
  else for (auto& entry : refused("StartFailed", message_of(answer))) out[entry.key()] = entry.value();
  return out;
}

json::object look_inside(const std::string& name) {
  void* const library = ::dlopen(("/proc/self/fd/" + std::to_string(kPluginDescriptor)).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();
    return refused("LoadFailed", name + ": " + (why != nullptr ? why : "dlopen failed"));
  }
  const auto entry = reinterpret_cast<keelson_plugin_entry>(::dlsym(library, KEELSON_ENTRY_SYMBOL));
  const auto* table = entry != nullptr ? entry() : nullptr;
  if (const auto refusal = check_table(name, table)) return refused(refusal->reason, refusal->message);
  return run_start(*table);
}

void send(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto sent = ::write(kAnswerDescriptor, text.data() + at, text.size() - at);
    if (sent <= 0) return;
    at += static_cast<std::size_t>(sent);
  }
}

// --- the parent ----------------------------------------------------------------------------------------------------

struct Descriptor {
  explicit Descriptor(int fd_) : fd(fd_) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void reset() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int fd;
};

std::string left_over(const std::string& name, int status) {
  if (WIFSIGNALED(status)) return name + ": its start was ended by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  return name + ": its start ended the process with status " + std::to_string(WEXITSTATUS(status));
}

pid_t spawn_child(const std::string& program, const std::string& file_name, int plugin, int answer) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int standard : {0, 1, 2}) ::posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_RDWR, 0);
  ::posix_spawn_file_actions_adddup2(&actions, plugin, kPluginDescriptor);
  ::posix_spawn_file_actions_adddup2(&actions, answer, kAnswerDescriptor);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, kAnswerDescriptor + 1);
  std::string words[] = {program, kDeclareCommand[0], kDeclareCommand[1], file_name};
  char* const arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environment);
  ::posix_spawn_file_actions_destroy(&actions);
  return failed != 0 ? -1 : child;
}

/// Everything until the other side closes. False: it took too long or sent too much.
bool read_all(int fd, std::string& into) {
  char buffer[65536];
  for (;;) {
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, kDeclareDeadline_ms) <= 0 || into.size() > kAnswerBytesMax) return false;
    const auto got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) return got == 0;
    into.append(buffer, static_cast<std::size_t>(got));
  }
}

std::vector<std::string> texts(const json::object& object, std::string_view name) {
  std::vector<std::string> all;
  if (const auto* list = object.if_contains(name); list != nullptr && list->is_array())
    for (const auto& item : list->get_array())
      if (item.is_string()) all.emplace_back(item.get_string());
  return all;
}

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Declared failed(const std::string& message, const char* reason = "StartFailed") {
  Declared out;
  out.reason = reason;
  out.message = message;
  return out;
}

Declared read_answer(const std::string& name, const std::string& answer, int status) {
  boost::system::error_code unreadable;
  const auto value = base::json_of(answer, unreadable);
  if (unreadable || !value.is_object()) return failed(left_over(name, status));
  const auto& o = value.get_object();
  if (const auto* call = o.if_contains("syscall"); call != nullptr && call->is_int64())
    return failed(name + ": its start calls " + system_call_name(static_cast<int>(call->get_int64())) + ", which it may not while it is looked at", kUnknown);
  return {text(o, "name"), text(o, "version"), text(o, "abi"), text(o, "json"), texts(o, "config"), texts(o, "metrics"), text(o, "reason"), text(o, "message")};
}

}  // namespace

int declare_main(const std::string& name) {
  json::object answer;
  if (const auto kept = enter_sandbox({kDeclareMemoryBytesMax, kDeclareCpu_s}); !kept) answer = refused("StartFailed", kept.error().message);
  else answer = look_inside(name);
  send(json::serialize(answer));
  ::_exit(0);   // what the plugin left behind is not run any more
}

Declared declare_in_child(const std::string& file_name, const std::string& content, const std::string& program) {
  const Descriptor plugin(::memfd_create("plugin", MFD_CLOEXEC));
  int ends[2] = {-1, -1};
  if (plugin.fd < 0 || ::write(plugin.fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()) || ::pipe2(ends, O_CLOEXEC) != 0)
    return failed("no room for a copy of " + file_name);
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  // Away from the numbers that the child gets them as.
  const Descriptor high_plugin(::fcntl(plugin.fd, F_DUPFD_CLOEXEC, 64));
  Descriptor high_answer(::fcntl(write_end.fd, F_DUPFD_CLOEXEC, 64));
  const pid_t child = spawn_child(program, file_name, high_plugin.fd, high_answer.fd);
  if (child < 0) return failed(program + " cannot be started");
  write_end.reset();
  high_answer.reset();
  std::string answer;
  const bool ended = read_all(read_end.fd, answer);
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return ended ? read_answer(file_name, answer, status) : failed(file_name + ": its start did not come back within " + std::to_string(kDeclareDeadline_ms / 1000) + " s");
}

}  // namespace keelson::plugins
