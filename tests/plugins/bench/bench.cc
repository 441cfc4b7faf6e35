// A plugin that is only measured: config "mode" says what it does.
//   chain   "rounds" reconciles that do nothing but ask for the next, one after the other
//   write   each ConfigMap is counted up to "rounds", one write a reconcile; half way "m0" does "deed": sleep, loop, abort
//   watch   "controllers" controllers of all ConfigMaps that do nothing
//   follow  notes what it has seen of each ConfigMap at the address "board" of this process
#include <keelson/sdk.hpp>

#include <atomic>
#include <cstdlib>

#include "board.hpp"

namespace {

using keelson::ConfigMap;
using keelson::Context;
using keelson::Key;
using keelson::Result;

long number(keelson::Setup& setup, const char* key) { return std::strtol(setup.config(key, "0").c_str(), nullptr, 10); }

class Chain final : public keelson::KeyReconciler {
 public:
  explicit Chain(long rounds) : left_(rounds) {}
  Result reconcile(Context&, const Key& key) override {
    if (--left_ > 0) controller->trigger({"", key.name == "a" ? "b" : "a"});
    return keelson::done();
  }
  keelson::Controller* controller = nullptr;

 private:
  std::atomic<long> left_;
};

class Count final : public keelson::Reconciler<ConfigMap> {
 public:
  Count(long rounds, std::string deed) : rounds_(rounds), deed_(std::move(deed)) {}
  Result reconcile(Context& ctx, const ConfigMap& map) override {
    const auto at = map.data.find("n");
    const long n = at == map.data.end() ? 0 : std::strtol(at->second.c_str(), nullptr, 10);
    if (n >= rounds_) return keelson::done();
    if (n == rounds_ / 2 && map.meta.name == "m0" && !deed_.empty()) misbehave(ctx);
    ConfigMap next = map;
    next.data["n"] = std::to_string(n + 1);
    return ctx.modify(map, next);
  }

 private:
  void misbehave(Context& ctx) const {
    if (deed_ == "sleep") ctx.sleep(std::chrono::hours(1));
    if (deed_ == "abort") std::abort();
    for (volatile bool forever = deed_ == "loop"; forever;) {}
  }

  const long rounds_;
  const std::string deed_;
};

class Nothing final : public keelson::Reconciler<ConfigMap> {
 public:
  Result reconcile(Context&, const ConfigMap&) override { return keelson::done(); }
};

class Follow final : public keelson::Reconciler<ConfigMap> {
 public:
  explicit Follow(bench::Board* board) : board_(board) {}
  Result reconcile(Context&, const ConfigMap& map) override {
    auto& square = board_->squares[static_cast<std::size_t>(std::strtol(map.data.at("i").c_str(), nullptr, 10))];
    if (square.busy.exchange(true)) ++board_->twice_at_once;
    square.seen = std::strtol(map.data.at("n").c_str(), nullptr, 10);
    square.busy = false;
    ++board_->reconciles;
    return keelson::done();
  }

 private:
  bench::Board* const board_;
};

}  // namespace

KEELSON_PLUGIN("bench", BENCH_VERSION, setup) {
  const auto mode = setup.config("mode", "watch");
  if (mode == "chain") {
    auto chain = std::make_unique<Chain>(number(setup, "rounds"));
    auto& self = *chain;
    auto& controller = setup.keyed_controller("chain", std::move(chain));
    self.controller = &controller;
    setup.task("begin", [&controller](Context&) { controller.trigger({"", "a"}); });
  }
  if (mode == "write") {
    auto& counting = setup.controller<ConfigMap>(std::make_unique<Count>(number(setup, "rounds"), setup.config("deed")));
    counting.workers(static_cast<int>(number(setup, "workers")));
    if (const auto deadline = number(setup, "deadline_ms"); deadline > 0) counting.deadline(std::chrono::milliseconds(deadline));
  }
  if (mode == "follow") setup.controller<ConfigMap>(std::make_unique<Follow>(reinterpret_cast<bench::Board*>(std::strtoull(setup.config("board").c_str(), nullptr, 10)))).workers(4);
  if (mode == "watch")
    for (long i = 0; i < std::max(1L, number(setup, "controllers")); ++i) setup.controller<ConfigMap>(std::make_unique<Nothing>()).name("nothing-" + std::to_string(i));
}
