#include "streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logs.hpp"

namespace keelson::node {
namespace {

constexpr int kFollowTickMs = 500;        ///< how soon a vanished client or an ended container is noticed
constexpr std::size_t kReadBytes = 64u << 10;

struct Fd {
  int value = -1;
  explicit Fd(int fd) : value(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (value >= 0) ::close(value);
  }
  void reset(int fd) {
    if (value >= 0) ::close(value);
    value = fd;
  }
};

bool truth(const std::string& text) { return text == "true" || text == "1"; }

/// A terminal has one output.
Outcome<StreamOptions> stream_options(const std::string& query) {
  StreamOptions options{truth(query_value(query, "stdin")), truth(query_value(query, "stdout")), truth(query_value(query, "stderr")), truth(query_value(query, "tty"))};
  if (!options.in && !options.out && !options.err) return Error{400, "BadRequest", "you must specify at least 1 of stdin, stdout, stderr", {}};
  if (options.tty) options.err = false;
  return options;
}

/// The streams that the runtime will wait for, for whoever has to open them in the client's place.
std::string streams_query(const StreamOptions& options, bool stdin_once = false) {
  std::string query = "?";
  const auto add = [&query](bool wanted, std::string_view name) {
    if (wanted) query.append(query.size() > 1 ? "&" : "").append(name).append("=1");
  };
  add(options.in, "stdin");
  add(options.out, "stdout");
  add(options.err, "stderr");
  add(options.tty, "tty");
  add(stdin_once, "stdinOnce");
  return query;
}

bool by_websocket(const Request& request) {
  for (const auto& [name, value] : request.headers)
    if (::strcasecmp(name.c_str(), "Upgrade") == 0) return ::strcasecmp(value.c_str(), "websocket") == 0;
  return false;
}

/// "http://127.0.0.1:4000/exec/token" in two parts.
void forward_to(Stream& stream, const Outcome<std::string>& url, const std::string& query = {}) {
  if (!url) return stream.fail(url.error());
  const std::string rest = url->rfind("http://", 0) == 0 ? url->substr(7) : *url;
  const auto slash = rest.find('/');
  if (slash == std::string::npos) return stream.fail({500, "InternalError", "the container runtime answered no address to stream from", {}});
  stream.forward(rest.substr(0, slash), rest.substr(slash) + query);
}

struct Terminal {
  bool there = false;
  bool stdin_once = false;
};

Terminal terminal_of(const core_v1::Pod& pod, const std::string& container) {
  Terminal terminal;
  const auto look = [&](const auto& containers) {
    for (const auto& candidate : containers)
      if (candidate.name == container) terminal = {candidate.tty, candidate.stdinOnce};
  };
  look(pod.spec.containers);
  look(pod.spec.initContainers);
  look(pod.spec.ephemeralContainers);
  return terminal;
}

/// The path names another file now: the log was rotated.
bool replaced(int fd, const std::string& path) {
  struct stat open_file {}, named {};
  if (::fstat(fd, &open_file) != 0 || ::stat(path.c_str(), &named) != 0) return false;
  return open_file.st_ino != named.st_ino || open_file.st_dev != named.st_dev;
}

}  // namespace

Outcome<Ref<core_v1::Pod>> PodStreams::pod_here(Context& ctx, const Request& request) {
  auto pod = KEELSON_TRY(ctx.get<core_v1::Pod>({request.ns, request.name}));
  if (pod->spec.nodeName.empty()) return Error{400, "BadRequest", "pod " + request.name + " does not have a host assigned", {}};
  if (pod->spec.nodeName != node_name_) return Error{500, "InternalError", "pod " + request.name + " runs on node " + pod->spec.nodeName + ", which this server does not reach", {}};
  return pod;
}

void PodStreams::log(Context& ctx, const Request& request, Stream& stream) {
  const auto options = parse_log_options(request.query, request.name, ctx.unix_ns());
  if (!options) return stream.fail(options.error());
  const auto pod = ctx.get<core_v1::Pod>({request.ns, request.name});
  if (!pod) return stream.fail(pod.error());
  const auto container = choose_container(**pod, options->container);
  if (!container) return stream.fail(container.error());
  if ((*pod)->spec.nodeName.empty()) return stream.respond(200, "text/plain");   // nothing has been said yet
  if (const auto state = check_log_state(**pod, *container, options->previous); !state) return stream.fail(state.error());
  const auto view = cri_.view(request.ns, request.name);
  if (!view) return stream.fail(view.error());
  PodView own;
  for (const auto& candidate : view->containers)
    if (candidate.pod_uid == (*pod)->meta.uid) own.containers.push_back(candidate);
  const auto* newest = own.newest(*container);
  const bool crashed = newest != nullptr && newest->stopped() && options->previous && own.previous(*container) == nullptr;
  const auto* chosen = options->previous && !crashed ? own.previous(*container) : newest;
  if (chosen == nullptr) return stream.fail({400, "BadRequest", "previous terminated container \"" + *container + "\" in pod \"" + request.name + "\" not found", {}});
  const auto status = cri_.container_status(chosen->id);
  if (!status) return stream.fail({500, "InternalError", "unable to retrieve container logs for containerd://" + chosen->id, {}});
  send_log(ctx, chosen->id, status->log_path, *options, stream);
}

void PodStreams::send_log(Context& ctx, const std::string& id, const std::string& path, const LogOptions& options, Stream& stream) {
  Fd file(open_log(path));
  if (file.value < 0) return stream.fail({500, "InternalError", "failed to open log file \"" + path + "\"", {}});
  const Fd watch(options.follow ? ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1);
  if (watch.value >= 0) ::inotify_add_watch(watch.value, path.c_str(), IN_MODIFY | IN_MOVE_SELF);
  if (options.tail_lines) ::lseek(file.value, tail_offset(file.value, *options.tail_lines), SEEK_SET);
  stream.respond(200, "text/plain");
  LogFilter filter(options);
  std::string buffer(kReadBytes, '\0'), out;
  bool ended = !options.follow;
  while (!ctx.cancelled() && !stream.closed()) {
    const auto got = ::read(file.value, buffer.data(), buffer.size());
    if (got > 0) {
      out.clear();
      filter.feed(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)), out);
      if (!out.empty() && !stream.write(out)) return;
      if (filter.full()) return;
      continue;
    }
    if (replaced(file.value, path)) {
      file.reset(open_log(path));
      if (file.value < 0) return;
      if (watch.value >= 0) ::inotify_add_watch(watch.value, path.c_str(), IN_MODIFY | IN_MOVE_SELF);
      continue;
    }
    if (ended) return;
    pollfd ready{watch.value, POLLIN, 0};
    if (::poll(&ready, 1, kFollowTickMs) > 0) {
      char events[4096];
      while (::read(watch.value, events, sizeof events) > 0) {}
    } else {
      const auto status = cri_.container_status(id);
      ended = !status || status->state != RunState::running;   // what was written before the end is still read
    }
  }
}

Outcome<RunContainer> PodStreams::running(const core_v1::Pod& pod, const std::string& container) {
  const auto view = KEELSON_TRY(cri_.view(pod.meta.namespace_, pod.meta.name));
  for (const auto& candidate : view.containers)
    if (candidate.pod_uid == pod.meta.uid && candidate.name == container && candidate.state == RunState::running) return candidate;
  return Error{500, "InternalError", "container not found (\"" + container + "\")", {}};
}

void PodStreams::exec(Context& ctx, const Request& request, Stream& stream) {
  const auto pod = pod_here(ctx, request);
  if (!pod) return stream.fail(pod.error());
  const auto container = choose_container(**pod, query_value(request.query, "container"));
  if (!container) return stream.fail(container.error());
  const auto command = query_values(request.query, "command");
  if (command.empty()) return stream.fail({400, "BadRequest", "you must specify at least one command for the container", {}});
  const auto options = stream_options(request.query);
  if (!options) return stream.fail(options.error());
  const auto target = running(**pod, *container);
  if (!target) return stream.fail(target.error());
  forward_to(stream, cri_.exec_url(target->id, command, *options), streams_query(*options));
}

void PodStreams::attach(Context& ctx, const Request& request, Stream& stream) {
  const auto pod = pod_here(ctx, request);
  if (!pod) return stream.fail(pod.error());
  const auto container = choose_container(**pod, query_value(request.query, "container"));
  if (!container) return stream.fail(container.error());
  const auto target = running(**pod, *container);
  if (!target) return stream.fail(target.error());
  // Whether there is a terminal was decided when the process started, not by who attaches. A SPDY client that asked for errors of
  // their own is refused by the runtime: with a terminal they never come, so that it would wait for their end for ever. In a WebSocket
  // there is nothing to wait for.
  auto options = stream_options(request.query);
  if (!options) return stream.fail(options.error());
  const auto terminal = terminal_of(**pod, *container);
  options->tty = terminal.there;
  if (terminal.there && by_websocket(request)) options->err = false;
  forward_to(stream, cri_.attach_url(target->id, *options), streams_query(*options, terminal.stdin_once));
}

void PodStreams::port_forward(Context& ctx, const Request& request, Stream& stream) {
  const auto pod = pod_here(ctx, request);
  if (!pod) return stream.fail(pod.error());
  const auto view = cri_.view(request.ns, request.name);
  if (!view) return stream.fail(view.error());
  std::vector<std::int32_t> ports;
  for (const auto& port : query_values(request.query, "ports")) ports.push_back(std::atoi(port.c_str()));
  for (const auto& sandbox : view->sandboxes)
    if (sandbox.uid == (*pod)->meta.uid && sandbox.ready) return forward_to(stream, cri_.port_forward_url(sandbox.id, ports));
  stream.fail({500, "InternalError", "unable to do port forwarding: pod " + request.name + " has no sandbox", {}});
}

}  // namespace keelson::node
