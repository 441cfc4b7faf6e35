// The interfaces of scheduling.hpp, node.hpp and fields.hpp over the one mechanism.
#include <keelson/state.hpp>

#include <boost/json.hpp>

namespace keelson {

using namespace detail;

namespace {

/// Fields of runtime.admit, network.attach and network.detach, whose object is the pod.
enum : std::size_t { kNode = 0, kSandbox = 1, kAddresses = 2 };

Ref<core_v1::Pod> pod_of(const HookRequest& request) { return Ref<core_v1::Pod>(request.object(0)); }
Attachment attachment_of(const HookRequest& request) { return {request.text(kNode), request.text(kSandbox), request.text(kAddresses)}; }

}  // namespace

void Setup::node_runtime(std::unique_ptr<NodeRuntime> runtime, const HookOptions& options) {
  hook("runtime.admit", options, [runtime = std::shared_ptr<NodeRuntime>(std::move(runtime))](Context& ctx, const HookRequest& request, HookReply& reply) {
    return answered(runtime->admit(ctx, pod_of(request), request.text(kNode)), reply);
  });
}

void Setup::network(std::unique_ptr<Network> network, const HookOptions& options) {
  const std::shared_ptr<Network> shared = std::move(network);
  hook("network.attach", options, [shared](Context& ctx, const HookRequest& request, HookReply& reply) -> Result {
    const auto addresses = shared->attach(ctx, pod_of(request), attachment_of(request));
    if (!addresses) return addresses.error();
    std::string lines;
    for (const auto& address : *addresses) lines += address + "\n";
    reply.body(lines);
    return done();
  });
  hook("network.detach", options, [shared](Context& ctx, const HookRequest& request, HookReply& reply) {
    return answered(shared->detach(ctx, pod_of(request), attachment_of(request)), reply);
  });
}

void Setup::metrics_source(std::string name, std::function<void(MetricValues&)> collect) {
  HookOptions options;
  options.name = std::move(name);
  options.mode = HookMode::in_line;
  hook("metrics", options, metrics_hook(std::move(collect)));
}

Result FieldErrors::result() const {
  if (all_.empty()) return done();
  boost::json::array causes;
  std::string text;
  for (const auto& [field, message] : all_) {
    causes.push_back(boost::json::object{{"reason", "FieldValueInvalid"}, {"message", message}, {"field", field}});
    text += (text.empty() ? "" : ", ") + field + ": " + message;
  }
  if (all_.size() > 1) text = "[" + text + "]";
  const boost::json::object status{{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Failure"}, {"code", 422}, {"reason", "Invalid"}, {"message", text},
                                   {"details", boost::json::object{{"causes", std::move(causes)}}}};
  return Result::terminal(Error(422, "Invalid", text, boost::json::serialize(status)));
}

void MetricValues::add(double value, const std::map<std::string, std::string>& labels) {
  std::ostringstream line;
  line.precision(17);
  line << value << '\t';
  const char* between = "";
  for (const auto& [key, label] : labels) line << std::exchange(between, ",") << key << '=' << label;
  text_ += line.str() + "\n";
}

namespace detail {

HookFunction metrics_hook(std::function<void(MetricValues&)> collect) {
  return [collect = std::move(collect)](Context&, const HookRequest&, HookReply& reply) {
    MetricValues values;
    collect(values);
    reply.body(values.text());
    return done();
  };
}

HookFunction nodes_hook(NodesFunction function) {
  return [function = std::move(function)](Context& ctx, const HookRequest& request, HookReply& reply) {
    std::vector<ObjectHandle> nodes;
    for (std::size_t i = 1; i < request.object_count(); ++i) nodes.push_back(request.object(i));
    NodeChoice choice(std::move(nodes));
    auto result = answered(function(ctx, pod_of(request), choice), reply);
    reply.body(choice.said());
    return result;
  };
}

HookFunction place_hook(PlaceFunction function) {
  return [function = std::move(function)](Context& ctx, const HookRequest& request, HookReply& reply) {
    return answered(function(ctx, pod_of(request), std::string(request.text(0))), reply);
  };
}

HookFunction bind_hook(BindFunction function) {
  return [function = std::move(function)](Context& ctx, const HookRequest& request, HookReply& reply) -> Result {
    const auto bound = function(ctx, pod_of(request), std::string(request.text(0)));
    if (!bound) return bound.error();
    if (*bound) reply.allow();
    return done();
  };
}

}  // namespace detail
}  // namespace keelson
