// note: counts the words of each Note. The kind is notes.yaml; kindc makes notes.hpp of it.
#include "notes.hpp"

#include <sstream>

namespace {

using demo_io_v1::Note;

class NoteReconciler final : public keelson::Reconciler<Note> {
 public:
  keelson::Result reconcile(keelson::Context& ctx, const Note& note) override {
    std::istringstream text(note.spec.text);
    std::int32_t words = 0;
    for (std::string word; text >> word;) ++words;
    return ctx.set_status(note, {.words = words});
  }
};

}  // namespace

KEELSON_PLUGIN("note", "0.1.0", setup) {
  setup.kind<Note>();
  setup.controller<Note>(std::make_unique<NoteReconciler>());
}
