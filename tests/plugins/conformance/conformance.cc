// What the SDK promises, one behaviour for each word in a Trial's spec.test; tests/e2e/conformance.py drives the same trials
// against every host. What came of it stands in the Trial's status. NEEDS_TRANSACT: the plugin says that it cannot do
// without transactions.
#include <keelson/sdk.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

namespace {

using keelson::ConfigMap;
using keelson::Context;
using keelson::Result;
using keelson::Secret;

struct Spec {
  std::string test, text;
  int count = 0;
};
struct Condition {
  std::string type, status, reason, message;
};
struct Status {
  int runs = 0;
  std::string note;
  std::vector<Condition> conditions;
};
BOOST_DESCRIBE_STRUCT(Spec, (), (test, text, count))
BOOST_DESCRIBE_STRUCT(Condition, (), (type, status, reason, message))
BOOST_DESCRIBE_STRUCT(Status, (), (runs, note, conditions))

struct Trial : keelson::Object<Spec, Status> {
  static constexpr keelson::Gvk gvk{"conformance.keelson.dev", "v1", "Trial", "trials"};
};

/// How often each trial was reconciled, and what its submitted writes answered.
struct Memory {
  std::mutex mutex;
  std::map<std::string, int> runs;
  std::map<std::string, std::string> answers;
  int run(const std::string& uid) {
    const std::lock_guard lock(mutex);
    return ++runs[uid];
  }
  void answered(const std::string& uid, std::string how) {
    const std::lock_guard lock(mutex);
    answers[uid] = std::move(how);
  }
  std::optional<std::string> answer(const std::string& uid) {
    const std::lock_guard lock(mutex);
    const auto found = answers.find(uid);
    return found == answers.end() ? std::nullopt : std::optional(found->second);
  }
};

ConfigMap map_named(const Trial& trial, const std::string& name, const std::string& text) {
  ConfigMap map;
  map.meta.name = name;
  map.meta.namespace_ = trial.meta.namespace_;
  map.data["text"] = text;
  return map;
}

Result note(Context& ctx, const Trial& trial, int runs, const std::string& text) {
  Status status = trial.status;
  status.runs = runs;
  status.note = text;
  return ctx.set_status(trial, status);
}

class Trials final : public keelson::Reconciler<Trial> {
 public:
  explicit Trials(keelson::Setup& setup)
      : greeting_(setup.config("greeting", "none")), reconciles_(setup.counter("conformance_reconciles_total", "Reconciles of trials.")) {}

  std::function<void(const keelson::Key&)> again;   // set once, before anything runs

  Result reconcile(Context& ctx, const Trial& trial) override {
    using Test = Result (Trials::*)(Context&, const Trial&, int);
    static const std::map<std::string, Test> kTests = {
        {"own", &Trials::own}, {"config", &Trials::config}, {"requeue", &Trials::requeue}, {"fail", &Trials::fail}, {"throw", &Trials::throws}, {"terminal", &Trials::terminal},
        {"event", &Trials::event}, {"condition", &Trials::condition}, {"secrets", &Trials::secrets}, {"fields", &Trials::fields}, {"lease", &Trials::lease},
        {"pair", &Trials::pair}, {"submit", &Trials::submit}, {"together", &Trials::together}, {"see", &Trials::see}, {"owners", &Trials::owners},
        {"last", &Trials::last}, {"refused", &Trials::refused}, {"overtaken", &Trials::overtaken}, {"once", &Trials::once}, {"unread", &Trials::unread}, {"elsewhere", &Trials::elsewhere}, {"log", &Trials::log},
        {"late", &Trials::late}};
    const int runs = memory_.run(trial.meta.uid);
    reconciles_.inc();
    const auto test = kTests.find(trial.spec.test);
    if (test == kTests.end()) return note(ctx, trial, runs, "idle");
    return (this->*test->second)(ctx, trial, runs);
  }

  Result finalize(Context& ctx, const Trial& trial) override {
    KEELSON_TRY_VOID(ctx.write_raw("apply", ConfigMap::gvk, {trial.meta.namespace_, trial.meta.name + "-farewell"}, "",
                                   keelson::str(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")", trial.meta.name, R"(-farewell"}})"), R"({"force":true})"));
    return keelson::done();
  }

 private:
  Result own(Context& ctx, const Trial& trial, int) {
    const auto made = KEELSON_TRY(ctx.apply(map_named(trial, trial.meta.name + "-child", trial.spec.text)));
    const auto children = ctx.list<ConfigMap>({.ns = trial.meta.namespace_, .labels = {}, .fields = {}, .owner_uid = trial.meta.uid});
    const bool seen = children.size() == 1 && children[0]->data.at("text") == trial.spec.text && children[0]->meta.uid == made.meta.uid;
    return note(ctx, trial, 1, seen ? "its child is seen at once, by its owner" : "its child is not seen");
  }
  Result config(Context& ctx, const Trial& trial, int) { return note(ctx, trial, 1, greeting_); }
  Result requeue(Context& ctx, const Trial& trial, int) {
    if (trial.status.runs >= trial.spec.count) return keelson::done();
    KEELSON_TRY_VOID(ctx.set_status(trial, {.runs = trial.status.runs + 1, .note = "requeued", .conditions = {}}));
    return keelson::retry_in(std::chrono::milliseconds(50));
  }
  Result fail(Context& ctx, const Trial& trial, int runs) {
    if (runs <= trial.spec.count) return keelson::failed("failed on purpose");
    return trial.status.runs > 0 ? Result() : note(ctx, trial, runs, "succeeded in the end");
  }
  Result throws(Context& ctx, const Trial& trial, int runs) {
    if (runs <= trial.spec.count) throw std::runtime_error("thrown on purpose");
    return trial.status.runs > 0 ? Result() : note(ctx, trial, runs, "succeeded in the end");
  }
  Result terminal(Context&, const Trial&, int) { return keelson::invalid("spec.test", "is given up on purpose"); }
  Result event(Context& ctx, const Trial& trial, int) {
    if (trial.status.runs == 0)
      for (int i = 0; i < trial.spec.count; ++i) ctx.event(trial, keelson::Warning, "Tried", trial.spec.text);
    return note(ctx, trial, 1, "told");
  }
  Result condition(Context& ctx, const Trial& trial, int) {
    return ctx.set_status(trial, {.runs = 1, .note = "conditions", .conditions = {{"Ready", "True", "Tried", trial.spec.text}}});
  }
  /// What is in the Secrets that are labelled with the trial's name; only wanted ones wake it.
  Result secrets(Context& ctx, const Trial& trial, int) {
    std::set<std::string> names;
    for (const auto& secret : ctx.list<Secret>({.ns = trial.meta.namespace_, .labels = "trial=" + trial.meta.name, .fields = {}, .owner_uid = {}})) names.insert(std::string(secret.name()));
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ",") + name;
    return note(ctx, trial, 1, all);
  }
  Result fields(Context& ctx, const Trial& trial, int) {
    const auto found = ctx.list<Secret>({.ns = trial.meta.namespace_, .labels = {}, .fields = "type=" + trial.spec.text, .owner_uid = {}});
    return note(ctx, trial, 1, keelson::str(found.size(), " of that type"));
  }
  Result lease(Context& ctx, const Trial& trial, int) {
    if (trial.status.runs > 0) return keelson::done();
    keelson::Lease lease;
    lease.meta.name = trial.meta.name;
    lease.meta.namespace_ = trial.meta.namespace_;
    lease.spec.holderIdentity = "first";
    const auto first = KEELSON_TRY(ctx.create(lease));
    auto second = first, third = first;
    second.spec.holderIdentity = "second";
    third.spec.holderIdentity = "third";
    const auto won = ctx.modify(first, second);
    const auto lost = ctx.modify(first, third);
    const bool conflict = won && !lost && is_conflict(lost.error());
    return note(ctx, trial, 1, conflict ? "who comes second gets a conflict" : "no conflict");
  }
  Result pair(Context& ctx, const Trial& trial, int) {
    keelson::Transaction transaction;
    transaction.create(map_named(trial, trial.meta.name + "-1", "a")).create(map_named(trial, trial.spec.text, "b"));
    const auto committed = ctx.commit(transaction);
    if (committed || already_exists(committed.error())) {
      const bool first = static_cast<bool>(ctx.find<ConfigMap>({trial.meta.namespace_, trial.meta.name + "-1"}));
      return note(ctx, trial, 1, first ? "both are there" : "none is there");
    }
    return note(ctx, trial, 1, keelson::str(committed.error().code, " ", committed.error().message));
  }
  Result submit(Context& ctx, const Trial& trial, int) {
    if (const auto answer = memory_.answer(trial.meta.uid)) return note(ctx, trial, 1, *answer);
    if (memory_.run(trial.meta.uid + "/submit") > 1) return keelson::done();
    ctx.submit_patch(ConfigMap::gvk, {trial.meta.namespace_, trial.spec.text}, "", R"({"data":{"submitted":"yes"}})",
                     [this, uid = trial.meta.uid, key = keelson::Key{trial.meta.namespace_, trial.meta.name}](const keelson::Error* error) {
                       memory_.answered(uid, error == nullptr ? "submitted" : error->reason);
                       again(key);
                     });
    return keelson::done();
  }
  /// Twice one that is there and one that is not.
  Result together(Context& ctx, const Trial& trial, int) {
    const auto& uid = trial.meta.uid;
    const auto first = memory_.answer(uid + "/0"), missing = memory_.answer(uid + "/1"), second = memory_.answer(uid + "/2");
    if (first && missing && second) return note(ctx, trial, 1, *first + " " + *missing + " " + *second);
    if (memory_.run(uid + "/together") > 1) return keelson::done();
    std::vector<Context::Submitted> patches;
    for (const auto& name : {trial.spec.text, trial.spec.text + "-none", trial.spec.text}) {
      const auto place = patches.size();
      const auto answered = [this, about = keelson::str(uid, "/", place), key = keelson::Key{trial.meta.namespace_, trial.meta.name}](const keelson::Error* error) {
        memory_.answered(about, error == nullptr ? "submitted" : error->reason);
        again(key);
      };
      patches.push_back({{trial.meta.namespace_, name}, keelson::str(R"({"data":{"together":")", place, "\"}}"), answered});
    }
    ctx.submit_patches(ConfigMap::gvk, "", std::move(patches));
    return keelson::done();
  }
  /// Creates, reads, removes and reads again, with nothing in between.
  Result see(Context& ctx, const Trial& trial, int) {
    const keelson::Key key{trial.meta.namespace_, trial.meta.name + "-seen"};
    for (int i = 0; i < trial.spec.count; ++i) {
      const auto made = KEELSON_TRY(ctx.create(map_named(trial, key.name, keelson::str(i))));
      const auto there = ctx.find<ConfigMap>(key);
      if (!there || there.uid() != made.meta.uid) return note(ctx, trial, 1, "what was created is not seen");
      auto next = made;
      next.data["text"] = "changed";
      KEELSON_TRY_VOID(ctx.modify(made, next));
      if (ctx.find<ConfigMap>(key)->data.at("text") != "changed") return note(ctx, trial, 1, "what was changed is not seen");
      KEELSON_TRY_VOID(ctx.remove<ConfigMap>(key));
      if (ctx.find<ConfigMap>(key)) return note(ctx, trial, 1, "what was removed is still seen");
    }
    return note(ctx, trial, 1, "it saw all that it did");
  }

  Result owners(Context& ctx, const Trial& trial, int) {
    const auto child = KEELSON_TRY(ctx.apply(map_named(trial, trial.meta.name + "-owned", "a")));
    const auto own = ctx.find_raw(Trial::gvk, {trial.meta.namespace_, trial.meta.name}), its = ctx.find_raw(ConfigMap::gvk, {child.meta.namespace_, child.meta.name});
    return note(ctx, trial, 1, keelson::str(own.owner_count(), " and ", its.owner_count()));
  }

  /// Counts a child up, one write a reconcile, which is its last and whose answer nobody reads; each run has to see the one before.
  Result last(Context& ctx, const Trial& trial, int) {
    if (trial.status.runs == 1) return keelson::done();   // it is over, and not well
    const auto name = trial.meta.name + "-counted";
    const auto child = ctx.find<ConfigMap>({trial.meta.namespace_, name});
    if (!child) {
      KEELSON_TRY_VOID(ctx.create(map_named(trial, name, "0")));
      return keelson::retry_in(std::chrono::milliseconds(1));
    }
    const int n = std::stoi(child->data.at("text"));
    if (n != memory_.run(trial.meta.uid + "/counted") - 1 && trial.status.runs == 0) return note(ctx, trial, 1, "a run did not see the one before");
    if (n >= trial.spec.count) return note(ctx, trial, n, "every run saw the one before");
    auto next = *child;
    next.data["text"] = keelson::str(n + 1);
    return ctx.modify(*child, next);
  }
  /// Its last write is refused as often as it is told to: that counts as the reconcile's failure.
  Result refused(Context& ctx, const Trial& trial, int runs) {
    if (runs <= trial.spec.count) return ctx.patch<ConfigMap>({trial.meta.namespace_, "is-nowhere"}, R"({"data":{"a":"b"}})");
    return trial.status.runs > 0 ? Result() : note(ctx, trial, runs, "refused, then done");
  }
  /// Its last write meets what somebody (it itself) wrote after the trial was read.
  Result overtaken(Context& ctx, const Trial& trial, int) {
    const std::string patch = R"({"metadata":{"labels":{"overtaken":"yes"}}})";
    const auto written = ctx.write_raw("merge_patch", Trial::gvk, {trial.meta.namespace_, trial.meta.name}, "", patch);
    if (!written) return written.error();
    return note(ctx, trial, 1, "written all the same");
  }
  /// The same, when it has made something before: another one each time that it is asked.
  Result once(Context& ctx, const Trial& trial, int runs) {
    if (trial.status.runs > 0) return keelson::done();
    auto made = map_named(trial, "", "made");
    made.meta.generateName = trial.meta.name + "-";
    made.meta.labels["trial"] = trial.meta.name;
    KEELSON_TRY_VOID(ctx.create(made));
    return overtaken(ctx, trial, runs);
  }
  /// A write that nobody looks at is done before what comes after it.
  Result unread(Context& ctx, const Trial& trial, int) {
    if (trial.status.runs > 0) return keelson::done();
    const auto made = KEELSON_TRY(ctx.apply(map_named(trial, trial.meta.name + "-unread", "before")));
    auto next = made;
    next.data["text"] = "after";
    (void)ctx.modify(made, next);
    const bool seen = ctx.find<ConfigMap>({trial.meta.namespace_, made.meta.name})->data.at("text") == "after";
    return note(ctx, trial, 1, seen ? "done in its order" : "not done in its order");
  }
  /// Makes something `count` seconds after it was asked to, whatever happened meanwhile; another one each time.
  Result late(Context& ctx, const Trial& trial, int) {
    if (trial.status.runs > 0) return keelson::done();
    ctx.sleep(std::chrono::seconds(trial.spec.count));
    auto made = map_named(trial, "", "late");
    made.meta.generateName = trial.meta.name + "-";
    made.meta.labels["trial"] = trial.meta.name;
    KEELSON_TRY_VOID(ctx.create(made));
    return note(ctx, trial, 1, "made late");
  }
  Result log(Context& ctx, const Trial& trial, int) {
    if (trial.status.runs > 0) return keelson::done();
    for (const auto* level : {"debug", "info", "warn", "error"}) ctx.log(level, keelson::str(trial.spec.text, " at ", level));
    return note(ctx, trial, 1, "logged");
  }
  /// The code that a request to a group gets that nobody serves: texts are the server's own.
  Result elsewhere(Context& ctx, const Trial& trial, int) {
    const auto answer = ctx.pass_on("GET", trial.spec.text);
    return note(ctx, trial, 1, answer ? *answer : std::to_string(answer.error().code));
  }

  const std::string greeting_;
  keelson::Counter reconciles_;
  Memory memory_;
};

bool wanted(const keelson::Ref<Secret>& before, const keelson::Ref<Secret>& now) { return (now ? now : before).label("wanted") == "yes"; }
std::vector<keelson::Key> trial_of(const keelson::Ref<Secret>& secret) { return {{std::string(secret.ns()), std::string(secret.label("trial"))}}; }

}  // namespace

KEELSON_PLUGIN("conformance", "1.0.0", setup) {
#ifdef NEEDS_TRANSACT
  setup.needs("transact");
#endif
  setup.may<keelson::Lease>({"create", "patch"});
  setup.may({.verbs = {"get"}, .groups = {}, .resources = {}, .paths = {"/apis/*"}});
  setup.kind<Trial>({.scope = keelson::Namespaced});
  auto reconciler = std::make_unique<Trials>(setup);
  auto& trials = *reconciler;
  auto& controller = setup.controller<Trial>(std::move(reconciler));
  controller.owns<ConfigMap>().watches<Secret>(trial_of).when<Secret>(wanted).finalizer("conformance.keelson.dev/hold").workers(2);
  trials.again = controller.trigger_handle();
  setup.observe<ConfigMap>([known = setup.gauge("conformance_config_maps", "ConfigMaps that are known."), count = 0](const keelson::Observed<ConfigMap>& change) mutable {
    using What = keelson::Observed<ConfigMap>::What;
    count += change.what == What::added ? 1 : change.what == What::deleted ? -1 : 0;
    known.set(count);
  });
  setup.task("once", [done = setup.counter("conformance_task_runs_total", "Starts of the task.")](keelson::Context&) mutable { done.inc(); });
}
