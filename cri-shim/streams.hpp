// The subresources of pods that the agent serves: log as text; exec, attach and portforward by handing the connection on to the
// runtime's streaming server.
// Threads: one call per request on a host thread, which the call may occupy as long as the client stays.
#pragma once
#include <keelson/sdk.hpp>

#include "cri.hpp"

namespace keelson::node {

class PodStreams {
 public:
  PodStreams(Cri& cri, std::string node_name) : cri_(cri), node_name_(std::move(node_name)) {}
  void log(Context& ctx, const Request& request, Stream& stream);
  void exec(Context& ctx, const Request& request, Stream& stream);
  void attach(Context& ctx, const Request& request, Stream& stream);
  void port_forward(Context& ctx, const Request& request, Stream& stream);

 private:
  void send_log(Context& ctx, const std::string& container_id, const std::string& path, const struct LogOptions& options, Stream& stream);
  Outcome<RunContainer> running(const core_v1::Pod& pod, const std::string& container);
  Outcome<Ref<core_v1::Pod>> pod_here(Context& ctx, const Request& request);
  Cri& cri_;
  std::string node_name_;
};

}  // namespace keelson::node
