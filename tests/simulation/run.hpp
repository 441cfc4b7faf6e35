// Run: one seed: clients that write, watchers, workers and controllers on a server whose disk loses its power now and then.
//
// Invariants: everything that happens follows from the seed. Errors: Broken. Threads: the caller's.
#pragma once
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "tests/simulation/watcher.hpp"
#include "tests/simulation/workers.hpp"

namespace keelson::simulation {

struct Counts {
  std::size_t seeds = 0, steps = 0, cuts = 0, restarts = 0, writes = 0, events = 0, reconciles = 0, pods = 0;
};

class Run {
 public:
  Run(std::uint64_t seed, const std::vector<std::string>& plugins, std::string scratch);
  ~Run();
  /// Everything, judged at the end.
  void go(Counts& counts);
  /// Of all that was stored: the same for the same seed.
  std::size_t fingerprint() const { return fingerprint_; }

 private:
  /// A write that a client was told of.
  struct Acknowledged {
    store::Key key;
    store::Revision revision = 0;
    bool gone = false;
    std::string body;                              // as answered; of one that is gone nothing
    std::optional<store::Revision> compared;       // the client's condition
    store::Revision before = 0;                    // what others had been told of when it was sent
  };

  std::uint64_t pick(std::uint64_t n) { return random_() % n; }
  std::string text(std::uint64_t n) { return std::to_string(pick(n)); }
  void start();
  void stop(bool power_cut);
  void prepare();
  void step(Counts& counts);
  void write_map();
  void write_deployment();
  void send(verbs::Verbs::Step::Op op, const std::string& kind, const std::string& name, std::string body, std::optional<store::Revision> compared);
  void acknowledged(Server& server, const verbs::Written& written, std::optional<store::Revision> compared, store::Revision before);
  void look_at_head();
  void come_to_rest();
  bool deployments_are_done();
  std::string plugins_shown() const;
  void judge(Counts& counts);
  void judge_log(const std::vector<store::Change>& log);
  void judge_acknowledged(const std::vector<store::Change>& log);
  void judge_state(const std::vector<store::Change>& log);

  const std::uint64_t seed_;
  const std::vector<std::string> plugins_;
  const std::string scratch_;
  std::mt19937_64 random_;
  const std::unique_ptr<base::SimulatedRuntime> runtime_;
  Disk disk_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Workers> workers_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  verbs::Context caller_;
  int life_ = 0;                                   // of the server: answers of an earlier one are not heard
  std::vector<Acknowledged> acknowledged_;
  std::map<std::string, store::Revision> known_;   // of maps, as clients have seen them
  store::Revision told_ = 0, head_ = 0;
  std::string broken_;
  std::uint64_t written_ = 0;
  std::size_t reconciles_ = 0, fingerprint_ = 0;
};

}  // namespace keelson::simulation
