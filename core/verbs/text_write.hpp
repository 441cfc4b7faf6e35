// TextWrite: a form of writes that is worked out on the stored text of an object, for one object after another.
//
// Invariants: what comes out is what the same write makes of the whole object; whatever is not so plain is not made here.
// Threads: one at a time. Ownership: refers to the core, the kind and the context that it was made for. Errors: none.
#pragma once
#include "core/verbs/core.hpp"

namespace keelson::verbs {

class TextWrite {
 public:
  virtual ~TextWrite() = default;
  /// The write that the rest is about; it stays where it is until the next one. False: it has to be read whole.
  virtual bool take(const Verbs::Each& write) = 0;
  /// Where it sends its object: what admission looks at beside its form.
  virtual std::string_view node() const { return {}; }
  struct Made {
    std::optional<store::Draft> draft;   ///< none: it changes nothing
  };
  /// What becomes of the object. Nullopt: it has to be read and judged whole.
  virtual std::optional<Made> make(const store::Object& existing, const json::storage_ptr& memory) = 0;
};

/// For writes as `alike` of objects that are stored in the form of `kind`. Null: this form has to be read and judged whole.
std::unique_ptr<TextWrite> text_write(const Core& core, const Context& context, const Verbs::Step& alike, const kinds::KindRef& kind);

}  // namespace keelson::verbs
