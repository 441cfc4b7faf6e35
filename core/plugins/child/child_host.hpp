// The host functions inside of a child: what needs the core travels over the lane of the calling thread, the rest (objects,
// time, chance, sleeping) is answered here.
//
// Threads: any. Ownership: lives as long as the process.
#pragma once
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/runtime.hpp"
#include "core/plugins/child/lane.hpp"
#include "core/plugins/child/operations.hpp"
#include "core/plugins/child/process.hpp"

namespace keelson::plugins {

/// An object as the plugin holds it: read once, since every look into a message counts against its traversal limit. Points
/// into the frame that brought it.
class ChildObject {
 public:
  using Pair = std::pair<keelson_bytes, keelson_bytes>;
  ChildObject(FrameRef frame, wire::Object::Reader object);
  const keelson_object_view& view() const { return view_; }
  const std::vector<Pair>& labels() const { return labels_; }
  const std::vector<Pair>& fields() const { return fields_; }
  const std::vector<keelson_bytes>& finalizers() const { return finalizers_; }
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  const FrameRef frame_;
  keelson_object_view view_{};
  std::vector<Pair> labels_, fields_;
  std::vector<keelson_bytes> finalizers_;
  std::atomic<std::uint32_t> references_{1};
};

inline keelson_object handle_of(ChildObject* object) { return reinterpret_cast<keelson_object>(object); }
inline ChildObject* child_object_of(keelson_object handle) { return reinterpret_cast<ChildObject*>(const_cast<keelson_object_s*>(handle)); }
/// One reference, or null.
keelson_object new_object(const FrameRef& frame, wire::Object::Reader object);

void fill_write(wire::Write::Builder to, const keelson_write& write);

/// A write that is sent later than it was said.
struct KeptWrite {
  explicit KeptWrite(const keelson_write& write);
  void fill(wire::Write::Builder to) const;
  std::uint32_t op;
  std::array<std::string, 8> texts;
};

/// The calls that came on a lane and have not begun. Any thread.
class Intake {
 public:
  void add(FrameRef call);
  bool empty() const;
  /// The next one, which begins now; null: none.
  FrameRef take(base::Monotonic now);
  /// The ids of all that wait behind one that began before then; they are here no more.
  std::vector<std::uint64_t> give_back(base::Monotonic begun_before);

 private:
  mutable std::mutex mutex_;
  std::deque<FrameRef> waiting_;
  base::Monotonic begun_ = base::kForever;
};

class ChildHost {
 public:
  ChildHost(base::Runtime& runtime, Lane& outside) : runtime_(runtime), outside_(outside) {}
  base::Runtime& runtime() { return runtime_; }
  const keelson_plugin_v1* plugin = nullptr;

  /// Sends a request; `take` sees each answer. Ends the process when the core is gone.
  template <class Fill, class Take>
  void ask(RequestOp op, keelson_call call, Fill&& fill, Take&& take) {
    auto held = hold_lane();
    put(*held.lane, op, call, fill);
    for (;;) {
      const auto received = answer_on(*held.lane);
      const auto answer = received->frame().getAnswer();
      take(received, answer);
      if (!answer.getGoesOn()) return;
    }
  }
  /// Sends a request that is not answered; it leaves with whatever is sent next.
  template <class Fill>
  void say(RequestOp op, keelson_call call, Fill&& fill) {
    auto held = hold_lane();
    put(*held.lane, op, call, fill);
    if (held.lock.owns_lock() && !held.lane->flush()) lost();
  }

  /// The lane of this thread while it runs a call, and what it brings meanwhile of further calls; null: none. `last` gets what is written with the call's answer; null: such
  /// a write is sent at once.
  void set_lane(Lane* lane, Intake* intake, base::Monotonic deadline, std::vector<KeptWrite>* last = nullptr);
  /// False: this call's answer takes none along; or the call has written already, and would do that again if it were asked once more
  /// because of a conflict.
  bool keep_for_answer(const keelson_write& write);
  bool cancelled() const;
  bool sleep(std::int64_t ns);
  void cancel_all();
  [[noreturn]] static void lost();

 private:
  struct Held {
    Lane* lane;
    std::unique_lock<std::mutex> lock;   // of the shared one
  };
  Held hold_lane();
  FrameRef answer_on(Lane& lane);
  template <class Fill>
  void put(Lane& lane, RequestOp op, keelson_call call, Fill& fill) {
    lane.put([&](wire::Frame::Builder frame) {
      auto request = frame.initRequest();
      request.setOp(static_cast<std::uint16_t>(op));
      request.setCall(call);
      fill(request);
    });
  }

  base::Runtime& runtime_;
  Lane& outside_;
  std::mutex outside_mutex_;
  std::mutex mutex_;                     // guards what follows
  std::condition_variable cancelled_;
  std::atomic<bool> all_cancelled_{false};
};

/// Its `host` is the ChildHost.
const keelson_host_v1& child_host_table();

}  // namespace keelson::plugins
