#include "cri_client.hpp"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>

#include "containerd_events.grpc.pb.h"
#include "runtime.grpc.pb.h"

namespace keelson::node {
namespace {

namespace v1 = ::runtime::v1;
namespace cevents = ::containerd::services::events::v1;
constexpr int kReconnectMsMin = 100;
constexpr int kReconnectMsMax = 1000;
constexpr int kListDeadlineS = 10;

Error to_error(const grpc::Status& status) {
  Error error;
  error.message = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::NOT_FOUND: error.code = 404; error.reason = "NotFound"; break;
    case grpc::StatusCode::UNAVAILABLE: error.code = 503; error.reason = "ServiceUnavailable"; break;
    case grpc::StatusCode::CANCELLED: error.code = 503; error.reason = "Cancelled"; break;
    case grpc::StatusCode::DEADLINE_EXCEEDED: error.code = 504; error.reason = "Timeout"; break;
    default: error.code = 500; error.reason = "InternalError";
  }
  return error;
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

/// Contexts of calls in flight, so that close() can cancel them and wait.
class InFlight {
 public:
  bool enter(grpc::ClientContext* context) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    contexts_.insert(context);
    return true;
  }
  void leave(grpc::ClientContext* context) {
    const std::lock_guard lock(mutex_);
    contexts_.erase(context);
    idle_.notify_all();
  }
  void close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    for (auto* context : contexts_) context->TryCancel();
    idle_.wait(lock, [this] { return contexts_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  std::set<grpc::ClientContext*> contexts_;
  bool closed_ = false;
};

void set_deadline(grpc::ClientContext& context, int seconds) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
}

std::shared_ptr<grpc::Channel> connect(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMessageBytesMax));
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMsMin);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMsMin);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMsMax);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

class CriClient final : public Cri {
 public:
  explicit CriClient(const std::string& endpoint)
      : channel_(connect(endpoint)), runtime_(v1::RuntimeService::NewStub(channel_)), images_(v1::ImageService::NewStub(channel_)),
        events_(cevents::Events::NewStub(channel_)) {}
  ~CriClient() override { in_flight_.close(); }

  Outcome<RuntimeVersion> version() override {
    v1::VersionRequest request;
    request.set_version("v1");
    v1::VersionResponse response;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::Version, request, response, kListDeadlineS)) return *failure;
    return RuntimeVersion{response.runtime_name(), response.runtime_version()};
  }

  Outcome<std::vector<RuntimeCondition>> status() override {
    v1::StatusResponse response;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::Status, v1::StatusRequest{}, response, kListDeadlineS)) return *failure;
    std::vector<RuntimeCondition> conditions;
    for (const auto& condition : response.status().conditions())
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
    v1::ListPodSandboxResponse found_sandboxes;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::ListPodSandbox, sandboxes, found_sandboxes, kListDeadlineS)) return *failure;
    v1::ListContainersResponse found_containers;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::ListContainers, containers, found_containers, kListDeadlineS)) return *failure;
    for (const auto& sandbox : found_sandboxes.items()) view.sandboxes.push_back(to_sandbox(sandbox));
    for (const auto& container : found_containers.containers()) view.containers.push_back(to_container(container));
    const auto newer = [](const auto& a, const auto& b) { return a.created_ns > b.created_ns; };
    std::sort(view.sandboxes.begin(), view.sandboxes.end(), newer);
    std::sort(view.containers.begin(), view.containers.end(), newer);
    return view;
  }

  Outcome<Sandbox> sandbox_status(const std::string& id) override {
    v1::PodSandboxStatusRequest request;
    request.set_pod_sandbox_id(id);
    v1::PodSandboxStatusResponse response;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::PodSandboxStatus, request, response, kListDeadlineS)) return *failure;
    const auto& status = response.status();
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
    v1::ContainerStatusResponse response;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::ContainerStatus, request, response, kListDeadlineS)) return *failure;
    return to_container(response.status());
  }

  Outcome<std::string> run_sandbox(const v1::PodSandboxConfig& config) override {
    v1::RunPodSandboxRequest request;
    *request.mutable_config() = config;
    v1::RunPodSandboxResponse response;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::RunPodSandbox, request, response, kSandboxDeadlineS)) return *failure;
    return response.pod_sandbox_id();
  }

  Outcome<void> stop_sandbox(const std::string& id) override {
    v1::StopPodSandboxRequest request;
    request.set_pod_sandbox_id(id);
    v1::StopPodSandboxResponse response;
    return outcome(call(*runtime_, &v1::RuntimeService::Stub::StopPodSandbox, request, response));
  }

  Outcome<void> remove_sandbox(const std::string& id) override {
    v1::RemovePodSandboxRequest request;
    request.set_pod_sandbox_id(id);
    v1::RemovePodSandboxResponse response;
    return outcome(call(*runtime_, &v1::RuntimeService::Stub::RemovePodSandbox, request, response));
  }

  Outcome<std::string> create_container(const std::string& sandbox_id, const v1::ContainerConfig& config, const v1::PodSandboxConfig& sandbox) override {
    v1::CreateContainerRequest request;
    request.set_pod_sandbox_id(sandbox_id);
    *request.mutable_config() = config;
    *request.mutable_sandbox_config() = sandbox;
    v1::CreateContainerResponse response;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::CreateContainer, request, response)) return *failure;
    return response.container_id();
  }

  Outcome<void> start_container(const std::string& id) override {
    v1::StartContainerRequest request;
    request.set_container_id(id);
    v1::StartContainerResponse response;
    return outcome(call(*runtime_, &v1::RuntimeService::Stub::StartContainer, request, response));
  }

  Outcome<void> remove_container(const std::string& id) override {
    v1::RemoveContainerRequest request;
    request.set_container_id(id);
    v1::RemoveContainerResponse response;
    return outcome(call(*runtime_, &v1::RuntimeService::Stub::RemoveContainer, request, response));
  }

  Outcome<void> reopen_log(const std::string& id) override {
    v1::ReopenContainerLogRequest request;
    request.set_container_id(id);
    v1::ReopenContainerLogResponse response;
    return outcome(call(*runtime_, &v1::RuntimeService::Stub::ReopenContainerLog, request, response));
  }

  void stop_container(const std::string& id, std::int64_t grace_s, Done done) override {
    auto flight = std::make_shared<Flight<v1::StopContainerRequest, v1::StopContainerResponse>>();
    flight->request.set_container_id(id);
    flight->request.set_timeout(grace_s);
    set_deadline(flight->context, static_cast<int>(std::min<std::int64_t>(grace_s, kPullDeadlineS)) + kCallDeadlineS);
    start(flight, done, [&](auto completed) {
      runtime_->async()->StopContainer(&flight->context, &flight->request, &flight->response, completed);
    }, [flight, done](const Error* error) { done(error); });
  }

  void exec_sync(const std::string& id, const std::vector<std::string>& command, std::int64_t timeout_s, ExecDone done) override {
    auto flight = std::make_shared<Flight<v1::ExecSyncRequest, v1::ExecSyncResponse>>();
    flight->request.set_container_id(id);
    flight->request.set_timeout(timeout_s);
    for (const auto& word : command) flight->request.add_cmd(word);
    set_deadline(flight->context, static_cast<int>(timeout_s) + kListDeadlineS);
    start(flight, [done](const Error* error) { done(error, {}); }, [&](auto completed) {
      runtime_->async()->ExecSync(&flight->context, &flight->request, &flight->response, completed);
    }, [flight, done](const Error* error) {
      const auto& response = flight->response;
      done(error, {response.exit_code(), response.stdout().empty() ? response.stderr() : response.stdout() + response.stderr()});
    });
  }

  Outcome<std::string> exec_url(const std::string& id, const std::vector<std::string>& command, StreamOptions options) override {
    v1::ExecRequest request;
    request.set_container_id(id);
    for (const auto& word : command) request.add_cmd(word);
    apply(request, options);
    v1::ExecResponse response;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::Exec, request, response, kListDeadlineS)) return *failure;
    return response.url();
  }

  Outcome<std::string> attach_url(const std::string& id, StreamOptions options) override {
    v1::AttachRequest request;
    request.set_container_id(id);
    apply(request, options);
    v1::AttachResponse response;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::Attach, request, response, kListDeadlineS)) return *failure;
    return response.url();
  }

  Outcome<std::string> port_forward_url(const std::string& sandbox_id, const std::vector<std::int32_t>& ports) override {
    v1::PortForwardRequest request;
    request.set_pod_sandbox_id(sandbox_id);
    for (const auto port : ports) request.add_port(port);
    v1::PortForwardResponse response;
    if (auto failure = call(*runtime_, &v1::RuntimeService::Stub::PortForward, request, response, kListDeadlineS)) return *failure;
    return response.url();
  }

  Outcome<std::optional<ImageInfo>> image(const std::string& ref) override {
    v1::ImageStatusRequest request;
    request.mutable_image()->set_image(ref);
    v1::ImageStatusResponse response;
    if (auto failure = call(*images_, &v1::ImageService::Stub::ImageStatus, request, response, kListDeadlineS)) return *failure;
    if (!response.has_image()) return std::optional<ImageInfo>();
    return std::optional<ImageInfo>(to_image(response.image()));
  }

  Outcome<std::vector<ImageInfo>> images() override {
    v1::ListImagesResponse response;
    if (auto failure = call(*images_, &v1::ImageService::Stub::ListImages, v1::ListImagesRequest{}, response, kListDeadlineS)) return *failure;
    std::vector<ImageInfo> images;
    for (const auto& image : response.images()) images.push_back(to_image(image));
    return images;
  }

  void pull(const std::string& ref, const Credentials& credentials, PullDone done) override {
    auto flight = std::make_shared<Flight<v1::PullImageRequest, v1::PullImageResponse>>();
    flight->request.mutable_image()->set_image(ref);
    if (!credentials.username.empty() || !credentials.auth.empty() || !credentials.registry_token.empty() || !credentials.identity_token.empty()) {
      auto& auth = *flight->request.mutable_auth();
      auth.set_username(credentials.username);
      auth.set_password(credentials.password);
      auth.set_auth(credentials.auth);
      auth.set_identity_token(credentials.identity_token);
      auth.set_registry_token(credentials.registry_token);
    }
    set_deadline(flight->context, kPullDeadlineS);
    start(flight, [done](const Error* error) { done(error, {}); }, [&](auto completed) {
      images_->async()->PullImage(&flight->context, &flight->request, &flight->response, completed);
    }, [flight, done](const Error* error) { done(error, flight->response.image_ref()); });
  }

  void watch_exits(const std::function<void()>& started, const std::function<void(const std::string&)>& exited) override {
    grpc::ClientContext context;
    context.AddMetadata("containerd-namespace", "k8s.io");
    if (!in_flight_.enter(&context)) return;
    cevents::SubscribeRequest request;
    request.add_filters("topic==\"/tasks/exit\"");
    auto reader = events_->Subscribe(&context, request);
    // containerd sends headers only with its first event, so being connected is what says that the stream is up.
    if (channel_->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(1))) started();
    cevents::Envelope envelope;
    while (reader->Read(&envelope)) {
      cevents::TaskExit exit;
      if (exit.ParseFromString(envelope.event().value()) && exit.id() == exit.container_id()) exited(exit.container_id());
    }
    (void)reader->Finish();
    in_flight_.leave(&context);
  }

  void close() override { in_flight_.close(); }

 private:
  template <class Request, class Response>
  struct Flight {
    grpc::ClientContext context;
    Request request;
    Response response;
  };

  template <class Service, class Stub, class Request, class Response>
  std::optional<Error> call(Service& service, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                            const Request& request, Response& response, int deadline_s = kCallDeadlineS) {
    grpc::ClientContext context;
    set_deadline(context, deadline_s);
    if (!in_flight_.enter(&context)) return Error{503, "ServiceUnavailable", "the container runtime client is closed", {}};
    const auto status = (service.*method)(&context, request, &response);
    in_flight_.leave(&context);
    if (status.ok()) return std::nullopt;
    return to_error(status);
  }

  static Outcome<void> outcome(const std::optional<Error>& failure) {
    if (failure) return *failure;
    return {};
  }

  /// Runs `begin` with the completion that ends in `completed`, or answers `refused` when the client is closed.
  template <class Call, class Refused, class Begin, class Completed>
  void start(const std::shared_ptr<Call>& flight, Refused refused, Begin begin, Completed completed) {
    if (!in_flight_.enter(&flight->context)) {
      const Error error{503, "ServiceUnavailable", "the container runtime client is closed", {}};
      refused(&error);
      return;
    }
    begin([this, flight, completed](const grpc::Status& status) {
      if (status.ok()) {
        completed(nullptr);
      } else {
        const auto error = to_error(status);
        completed(&error);
      }
      in_flight_.leave(&flight->context);
    });
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

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::RuntimeService::Stub> runtime_;
  std::unique_ptr<v1::ImageService::Stub> images_;
  std::unique_ptr<cevents::Events::Stub> events_;
  InFlight in_flight_;
};

}  // namespace

std::unique_ptr<Cri> make_cri_client(const std::string& endpoint) {
  std::string target = endpoint;
  if (target.rfind("unix:///", 0) == 0) target = "unix:" + target.substr(sizeof("unix://") - 1);
  return std::make_unique<CriClient>(target);
}

}  // namespace keelson::node
