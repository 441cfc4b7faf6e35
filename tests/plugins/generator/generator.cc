// generator: makes pods when asked, and counts what becomes of nodes, leases and pods. For measurements.
//   GET /plugins/generator/make?N     N more pods in the namespace `default`
//   GET /plugins/generator/figures    the counts so far
#include <atomic>
#include <charconv>
#include <chrono>
#include <memory>

#include <keelson/sdk.hpp>

namespace generator {
namespace {

using keelson::Context;
using keelson::Observed;
using keelson::coordination_v1::Lease;
using keelson::core_v1::Node;
using keelson::core_v1::Pod;

constexpr int kUnderWayMax = 2048;
constexpr std::chrono::milliseconds kLook{50}, kShortly{1};

struct Figures {
  std::atomic<std::int64_t> wanted{0}, asked{0}, failed{0};
  std::atomic<int> under_way{0};
  std::atomic<std::int64_t> nodes{0}, open{0}, leases{0}, renewals{0}, created{0}, bound{0}, running{0};

  std::string json() const {
    return keelson::str(R"({"wanted":)", wanted.load(), R"(,"asked":)", asked.load(), R"(,"failed":)", failed.load(), R"(,"nodes":)", nodes.load(), R"(,"open":)", open.load(), R"(,"leases":)", leases.load(),
                        R"(,"renewals":)", renewals.load(), R"(,"created":)", created.load(), R"(,"bound":)", bound.load(), R"(,"running":)", running.load(), "}");
  }
};
using FiguresRef = std::shared_ptr<Figures>;

std::string pod(std::int64_t number) {
  return keelson::str(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"pod-)", number, R"(","namespace":"default","labels":{"app":"generated"}},"spec":{"automountServiceAccountToken":false,)"
                      R"("containers":[{"name":"main","image":"registry.example.com/service:v1","resources":{"requests":{"cpu":"100m","memory":"128Mi"}}}]}})");
}

void generate(Context& ctx, const FiguresRef& figures) {
  while (ctx.sleep(kLook)) {
    while (figures->asked < figures->wanted) {
      while (figures->under_way >= kUnderWayMax)
        if (!ctx.sleep(kShortly)) return;
      ++figures->under_way;
      ctx.submit_create(Pod::gvk, {"default", {}}, pod(figures->asked++), [figures](const keelson::Error* error) {
        --figures->under_way;
        if (error) ++figures->failed;
      });
    }
  }
}

/// Counts what has just begun to hold.
void count(std::atomic<std::int64_t>& counter, bool before, bool now) {
  if (now && !before) ++counter;
}

void pod_seen(Figures& figures, const Observed<Pod>& change) {
  using What = Observed<Pod>::What;
  if (change.what != What::added && change.what != What::modified) return;
  const bool known = static_cast<bool>(change.before);
  count(figures.created, known, true);
  count(figures.bound, known && !change.before.field("spec.nodeName").empty(), !change.now.field("spec.nodeName").empty());
  count(figures.running, known && change.before.field("status.phase") == "Running", change.now.field("status.phase") == "Running");
}

/// It takes pods: no taint is left. Looked for in the text, since decoding would be what is measured.
bool is_open(const keelson::Ref<Node>& node) { return node.body().find(R"("taints":[)") == std::string_view::npos; }

void node_seen(Figures& figures, const Observed<Node>& change) {
  using What = Observed<Node>::What;
  if (change.what != What::added && change.what != What::modified) return;
  const bool known = static_cast<bool>(change.before);
  count(figures.nodes, known, true);
  count(figures.open, known && is_open(change.before), is_open(change.now));
}

}  // namespace
}  // namespace generator

KEELSON_PLUGIN("generator", "0.1.0", setup) {
  using namespace generator;
  const auto figures = std::make_shared<Figures>();
  setup.may({{"create"}, {""}, {"pods"}});
  setup.may({{"list", "watch"}, {"", "coordination.k8s.io"}, {"pods", "nodes", "leases"}});
  setup.task("generate", [figures](Context& ctx) { generate(ctx, figures); });
  setup.serve_path("make", [figures](Context&, const keelson::Request& request, keelson::Stream& stream) {
    std::int64_t more = 0;
    std::from_chars(request.query.data(), request.query.data() + request.query.size(), more);
    figures->wanted += more;
    stream.respond(200, "application/json");
    stream.write(figures->json());
  });
  setup.serve_path("figures", [figures](Context&, const keelson::Request&, keelson::Stream& stream) {
    stream.respond(200, "application/json");
    stream.write(figures->json());
  });
  setup.observe<Pod>([figures](const Observed<Pod>& change) { pod_seen(*figures, change); });
  setup.observe<Node>([figures](const Observed<Node>& change) { node_seen(*figures, change); });
  setup.observe<Lease>([figures](const Observed<Lease>& change) {
    count(figures->leases, change.what != Observed<Lease>::What::added, true);
    count(figures->renewals, change.what != Observed<Lease>::What::modified, true);
  });
}
