#include "cri_client.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>

#include "containerd_events.pb.h"
#include "grpc_client.hpp"
#include "runtime.pb.h"

namespace keelson::node {
namespace {

namespace v1 = ::runtime::v1;
namespace cevents = ::containerd::services::events::v1;
constexpr const char* kNamespace = "k8s.io";   // of all that CRI makes in containerd
constexpr int kListDeadlineS = 10;

Error to_error(const GrpcStatus& status) {
  switch (status.code) {
    case GrpcCode::not_found: return {404, "NotFound", status.message};
    case GrpcCode::unavailable: return {503, "ServiceUnavailable", status.message};
    case GrpcCode::cancelled: return {503, "Cancelled", status.message};
    case GrpcCode::deadline_exceeded: return {504, "Timeout", status.message};
    default: return {500, "InternalError", status.message};
  }
}

RunState to_state(v1::ContainerState state) {
  switch (state) {
    case v1::CONTAINER_CREATED: return RunState::created;
    case v1::CONTAINER_RUNNING: return RunState::running;
    case v1::CONTAINER_EXITED: return RunState::exited;
    default: return RunState::unknown;
  }
}

template <class Labels>
std::string value_of(const Labels& labels, const char* key) {
  const auto found = labels.find(key);
  return found == labels.end() ? std::string() : found->second;
}

template <class Message>
void fill_identity(const Message& message, RunContainer& container) {
  container.id = message.id();
  container.name = message.metadata().name();
  container.attempt = message.metadata().attempt();
  container.state = to_state(message.state());
  container.created_ns = message.created_at();
  container.image = message.image().image();
  container.image_id = message.image_ref();
  container.pod_uid = value_of(message.labels(), label::pod_uid);
  container.pod_ns = value_of(message.labels(), label::pod_namespace);
  container.pod_name = value_of(message.labels(), label::pod_name);
  container.annotations = {message.annotations().begin(), message.annotations().end()};
}

RunContainer to_container(const v1::Container& message) {
  RunContainer container;
  fill_identity(message, container);
  container.sandbox_id = message.pod_sandbox_id();
  return container;
}

RunContainer to_container(const v1::ContainerStatus& message) {
  RunContainer container;
  fill_identity(message, container);
  container.started_ns = message.started_at();
  container.finished_ns = message.finished_at();
  container.exit_code = message.exit_code();
  container.reason = message.reason();
  container.message = message.message();
  container.log_path = message.log_path();
  return container;
}

Sandbox to_sandbox(const v1::PodSandbox& message) {
  Sandbox sandbox;
  sandbox.id = message.id();
  sandbox.uid = message.metadata().uid();
  sandbox.ns = message.metadata().namespace_();
  sandbox.name = message.metadata().name();
  sandbox.attempt = message.metadata().attempt();
  sandbox.ready = message.state() == v1::SANDBOX_READY;
  sandbox.created_ns = message.created_at();
  return sandbox;
}

ImageInfo to_image(const v1::Image& message) {
  return {message.id(), {message.repo_tags().begin(), message.repo_tags().end()},
          {message.repo_digests().begin(), message.repo_digests().end()}, message.size(), message.username(),
          message.has_uid(), message.uid().value(), message.pinned()};
}

/// What the runtime tells of ends, from the client's thread to the one that follows them.
class Events {
 public:
  void up() {
    const std::lock_guard lock(mutex_);
    up_ = true;
    changed_.notify_one();
  }
  void add(std::string envelope) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(envelope));
    changed_.notify_one();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  /// Calls `started` when up() was, then `each` of what is added, until end().
  void follow(const std::function<void()>& started, const std::function<void(const std::string&)>& each) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return up_ || ended_ || !waiting_.empty(); });
      const bool now_up = std::exchange(up_, false);
      const auto taken = std::exchange(waiting_, {});
      if (!now_up && taken.empty() && ended_) return;
      lock.unlock();
      if (now_up) started();
      for (const auto& envelope : taken) each(envelope);
      lock.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  bool up_ = false, ended_ = false;
};

class CriClient final : public Cri {
 public:
  explicit CriClient(std::string socket_path) : client_(std::move(socket_path)) {}

  Outcome<RuntimeVersion> version() override {
    v1::VersionRequest request;
    request.set_version("v1");
    const auto response = call<v1::VersionResponse>("RuntimeService/Version", request, kListDeadlineS);
    if (!response) return response.error();
    return RuntimeVersion{response->runtime_name(), response->runtime_version()};
  }

  Outcome<std::vector<RuntimeCondition>> status() override {
    const auto response = call<v1::StatusResponse>("RuntimeService/Status", v1::StatusRequest{}, kListDeadlineS);
    if (!response) return response.error();
    std::vector<RuntimeCondition> conditions;
    for (const auto& condition : response->status().conditions())
      conditions.push_back({condition.type(), condition.reason(), condition.message(), condition.status()});
    return conditions;
  }

  Outcome<PodView> view(const std::string& ns, const std::string& name) override {
    PodView view;
    v1::ListPodSandboxRequest sandboxes;
    v1::ListContainersRequest containers;
    if (!name.empty()) {
      select(*sandboxes.mutable_filter()->mutable_label_selector(), ns, name);
      select(*containers.mutable_filter()->mutable_label_selector(), ns, name);
    }
    const auto found_sandboxes = call<v1::ListPodSandboxResponse>("RuntimeService/ListPodSandbox", sandboxes, kListDeadlineS);
    if (!found_sandboxes) return found_sandboxes.error();
    const auto found_containers = call<v1::ListContainersResponse>("RuntimeService/ListContainers", containers, kListDeadlineS);
    if (!found_containers) return found_containers.error();
    for (const auto& sandbox : found_sandboxes->items()) view.sandboxes.push_back(to_sandbox(sandbox));
    for (const auto& container : found_containers->containers()) view.containers.push_back(to_container(container));
    const auto newer = [](const auto& a, const auto& b) { return a.created_ns > b.created_ns; };
    std::sort(view.sandboxes.begin(), view.sandboxes.end(), newer);
    std::sort(view.containers.begin(), view.containers.end(), newer);
    return view;
  }

  Outcome<Sandbox> sandbox_status(const std::string& id) override {
    v1::PodSandboxStatusRequest request;
    request.set_pod_sandbox_id(id);
    const auto response = call<v1::PodSandboxStatusResponse>("RuntimeService/PodSandboxStatus", request, kListDeadlineS);
    if (!response) return response.error();
    const auto& status = response->status();
    Sandbox sandbox{status.id(), status.metadata().uid(), status.metadata().namespace_(), status.metadata().name(),
                    status.metadata().attempt(), status.state() == v1::SANDBOX_READY,
                    status.linux_part().namespaces().options().network() == v1::NODE, status.created_at(), {}};
    if (!status.network().ip().empty()) sandbox.ips.push_back(status.network().ip());
    for (const auto& more : status.network().additional_ips()) sandbox.ips.push_back(more.ip());
    return sandbox;
  }

  Outcome<RunContainer> container_status(const std::string& id) override {
    v1::ContainerStatusRequest request;
    request.set_container_id(id);
    const auto response = call<v1::ContainerStatusResponse>("RuntimeService/ContainerStatus", request, kListDeadlineS);
    if (!response) return response.error();
    return to_container(response->status());
  }

  Outcome<std::string> run_sandbox(const v1::PodSandboxConfig& config, const std::function<void()>& meanwhile) override {
    v1::RunPodSandboxRequest request;
    *request.mutable_config() = config;
    const auto response = call<v1::RunPodSandboxResponse>("RuntimeService/RunPodSandbox", request, kSandboxDeadlineS, meanwhile);
    if (!response) return response.error();
    return response->pod_sandbox_id();
  }

  Outcome<void> stop_sandbox(const std::string& id) override {
    v1::StopPodSandboxRequest request;
    request.set_pod_sandbox_id(id);
    return outcome(call<v1::StopPodSandboxResponse>("RuntimeService/StopPodSandbox", request));
  }

  Outcome<void> remove_sandbox(const std::string& id) override {
    v1::RemovePodSandboxRequest request;
    request.set_pod_sandbox_id(id);
    return outcome(call<v1::RemovePodSandboxResponse>("RuntimeService/RemovePodSandbox", request));
  }

  Outcome<std::string> create_container(const std::string& sandbox_id, const v1::ContainerConfig& config, const v1::PodSandboxConfig& sandbox) override {
    v1::CreateContainerRequest request;
    request.set_pod_sandbox_id(sandbox_id);
    *request.mutable_config() = config;
    *request.mutable_sandbox_config() = sandbox;
    const auto response = call<v1::CreateContainerResponse>("RuntimeService/CreateContainer", request);
    if (!response) return response.error();
    return response->container_id();
  }

  Outcome<void> start_container(const std::string& id) override {
    v1::StartContainerRequest request;
    request.set_container_id(id);
    return outcome(call<v1::StartContainerResponse>("RuntimeService/StartContainer", request));
  }

  Outcome<void> update_resources(const std::string& id, const v1::LinuxContainerResources& resources) override {
    v1::UpdateContainerResourcesRequest request;
    request.set_container_id(id);
    *request.mutable_linux_part() = resources;
    return outcome(call<v1::UpdateContainerResourcesResponse>("RuntimeService/UpdateContainerResources", request));
  }

  Outcome<void> remove_container(const std::string& id) override {
    v1::RemoveContainerRequest request;
    request.set_container_id(id);
    return outcome(call<v1::RemoveContainerResponse>("RuntimeService/RemoveContainer", request));
  }

  Outcome<void> reopen_log(const std::string& id) override {
    v1::ReopenContainerLogRequest request;
    request.set_container_id(id);
    return outcome(call<v1::ReopenContainerLogResponse>("RuntimeService/ReopenContainerLog", request));
  }

  void stop_container(const std::string& id, std::int64_t grace_s, Done done) override {
    v1::StopContainerRequest request;
    request.set_container_id(id);
    request.set_timeout(grace_s);
    const auto deadline_s = static_cast<int>(std::min<std::int64_t>(grace_s, kPullDeadlineS)) + kCallDeadlineS;
    start<v1::StopContainerResponse>("RuntimeService/StopContainer", request, deadline_s, [done = std::move(done)](const Error* error, const auto&) { done(error); });
  }

  void exec_sync(const std::string& id, const std::vector<std::string>& command, std::int64_t timeout_s, ExecDone done) override {
    v1::ExecSyncRequest request;
    request.set_container_id(id);
    request.set_timeout(timeout_s);
    for (const auto& word : command) request.add_cmd(word);
    start<v1::ExecSyncResponse>("RuntimeService/ExecSync", request, static_cast<int>(timeout_s) + kListDeadlineS, [done = std::move(done)](const Error* error, const auto& response) {
      done(error, {response.exit_code(), response.stdout() + response.stderr()});
    });
  }

  Outcome<std::string> exec_url(const std::string& id, const std::vector<std::string>& command, StreamOptions options) override {
    v1::ExecRequest request;
    request.set_container_id(id);
    for (const auto& word : command) request.add_cmd(word);
    apply(request, options);
    const auto response = call<v1::ExecResponse>("RuntimeService/Exec", request, kListDeadlineS);
    if (!response) return response.error();
    return response->url();
  }

  Outcome<std::string> attach_url(const std::string& id, StreamOptions options) override {
    v1::AttachRequest request;
    request.set_container_id(id);
    apply(request, options);
    const auto response = call<v1::AttachResponse>("RuntimeService/Attach", request, kListDeadlineS);
    if (!response) return response.error();
    return response->url();
  }

  Outcome<std::string> port_forward_url(const std::string& sandbox_id, const std::vector<std::int32_t>& ports) override {
    v1::PortForwardRequest request;
    request.set_pod_sandbox_id(sandbox_id);
    for (const auto port : ports) request.add_port(port);
    const auto response = call<v1::PortForwardResponse>("RuntimeService/PortForward", request, kListDeadlineS);
    if (!response) return response.error();
    return response->url();
  }

  Outcome<std::optional<ImageInfo>> image(const std::string& ref) override {
    v1::ImageStatusRequest request;
    request.mutable_image()->set_image(ref);
    const auto response = call<v1::ImageStatusResponse>("ImageService/ImageStatus", request, kListDeadlineS);
    if (!response) return response.error();
    if (!response->has_image()) return std::optional<ImageInfo>();
    return std::optional<ImageInfo>(to_image(response->image()));
  }

  Outcome<std::vector<ImageInfo>> images() override {
    const auto response = call<v1::ListImagesResponse>("ImageService/ListImages", v1::ListImagesRequest{}, kListDeadlineS);
    if (!response) return response.error();
    std::vector<ImageInfo> images;
    for (const auto& image : response->images()) images.push_back(to_image(image));
    return images;
  }

  void pull(const std::string& ref, const Credentials& credentials, PullDone done) override {
    v1::PullImageRequest request;
    request.mutable_image()->set_image(ref);
    if (!credentials.username.empty() || !credentials.auth.empty() || !credentials.registry_token.empty() || !credentials.identity_token.empty()) {
      auto& auth = *request.mutable_auth();
      auth.set_username(credentials.username);
      auth.set_password(credentials.password);
      auth.set_auth(credentials.auth);
      auth.set_identity_token(credentials.identity_token);
      auth.set_registry_token(credentials.registry_token);
    }
    start<v1::PullImageResponse>("ImageService/PullImage", request, kPullDeadlineS, [done = std::move(done)](const Error* error, const auto& response) {
      done(error, response.image_ref());
    });
  }

  void watch_events(const RuntimeEvents& tell) override {
    cevents::SubscribeRequest request;
    request.add_filters("topic==\"/tasks/exit\"");
    request.add_filters("topic~=\"/images/\"");
    const auto events = std::make_shared<Events>();
    client_.start({.method = "/containerd.services.events.v1.Events/Subscribe",
                   .request = request.SerializeAsString(),
                   .metadata = {{"containerd-namespace", kNamespace}},
                   .up = [events] { events->up(); },
                   .message = [events](std::string envelope) { events->add(std::move(envelope)); },
                   .done = [events](const GrpcStatus&) { events->end(); }});
    events->follow(tell.started, [&](const std::string& bytes) {
      cevents::Envelope envelope;
      cevents::TaskExit exit;
      if (!envelope.ParseFromString(bytes)) return;
      if (envelope.topic().starts_with("/images/")) {
        if (envelope.namespace_() == kNamespace) tell.images_changed();
      } else if (exit.ParseFromString(envelope.event().value()) && exit.id() == exit.container_id()) {
        tell.exited(exit.container_id());
      }
    });
  }

  void close() override { client_.close(); }

 private:
  /// One answer, parsed, to `done`, on the client's thread; with an error it is empty.
  template <class Response>
  void start(const char* method, const google::protobuf::MessageLite& request, int deadline_s, std::function<void(const Error*, Response&)> done) {
    const auto answer = std::make_shared<std::string>();
    client_.start({.method = std::string("/runtime.v1.") + method,
                   .request = request.SerializeAsString(),
                   .timeout = std::chrono::seconds(deadline_s),
                   .message = [answer](std::string bytes) { *answer = std::move(bytes); },
                   .done = [answer, done = std::move(done)](const GrpcStatus& status) {
                     std::optional<Error> error;
                     Response response;
                     if (status.code != GrpcCode::ok) error = to_error(status);
                     else if (!response.ParseFromString(*answer)) error = Error(500, "InternalError", "an answer that cannot be read");
                     done(error ? &*error : nullptr, response);
                   }});
  }

  template <class Response>
  Outcome<Response> call(const char* method, const google::protobuf::MessageLite& request, int deadline_s = kCallDeadlineS, const std::function<void()>& meanwhile = {}) {
    std::promise<Outcome<Response>> promise;
    auto answer = promise.get_future();
    start<Response>(method, request, deadline_s, [&](const Error* error, Response& response) {
      if (error) promise.set_value(*error);
      else promise.set_value(std::move(response));
    });
    // The completion needs the promise, whatever becomes of what is done meanwhile.
    const auto wait = [](auto* pending) { if (pending->valid()) pending->wait(); };
    const std::unique_ptr<std::future<Outcome<Response>>, decltype(wait)> last(&answer, wait);
    if (meanwhile) meanwhile();
    return answer.get();
  }

  template <class Response>
  static Outcome<void> outcome(const Outcome<Response>& response) {
    if (!response) return response.error();
    return {};
  }

  template <class Selector>
  static void select(Selector& selector, const std::string& ns, const std::string& name) {
    selector[label::pod_namespace] = ns;
    selector[label::pod_name] = name;
  }

  template <class Request>
  static void apply(Request& request, const StreamOptions& options) {
    request.set_stdin(options.in);
    request.set_stdout(options.out);
    request.set_stderr(options.err);
    request.set_tty(options.tty);
  }

  GrpcClient client_;
};

}  // namespace

std::unique_ptr<Cri> make_cri_client(const std::string& endpoint) {
  constexpr std::string_view kScheme = "unix://";
  return std::make_unique<CriClient>(endpoint.rfind(kScheme, 0) == 0 ? endpoint.substr(kScheme.size()) : endpoint);
}

}  // namespace keelson::node
