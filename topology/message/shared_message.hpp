// One message, immutable, held together by all who still need it: the stream that may have to send it again, the parcel
// on its way, the core that reads it. Copies and moves cost a pointer.
// Thread contract: the message never changes after construction, so copies may be read anywhere.
#pragma once

#include "kernels/base/result.hpp"
#include "topology/message/any_message.hpp"

#include <memory>
#include <type_traits>
#include <utility>

namespace freshet::topology {

class shared_message {
 public:
  /// A link_hello without a life, like a default any_message.
  shared_message() = default;
  template <class M, class = std::enable_if_t<!std::is_same_v<std::decay_t<M>, shared_message> &&
                                              std::is_constructible_v<any_message, M&&>>>
  shared_message(M&& m) : held_(std::make_shared<const any_message>(std::forward<M>(m))) {}  // NOLINT: implicit by intent

  /// A message made where it stays, for who fills one in: it is moved nowhere. `fill` gets the M and returns a result<void>.
  template <class M, class Fill>
  static result<shared_message> made(Fill fill) {
    auto held = std::make_shared<any_message>(std::in_place_type<M>);
    FRESHET_TRY(fill(std::get<M>(*held)));
    shared_message m;
    m.held_ = std::move(held);
    return m;
  }

  [[nodiscard]] const any_message& operator*() const noexcept { return held_ ? *held_ : nothing(); }
  operator const any_message&() const noexcept { return **this; }  // NOLINT: implicit by intent

  friend bool operator==(const shared_message& a, const shared_message& b) { return a.held_ == b.held_ || *a == *b; }
  friend bool operator!=(const shared_message& a, const shared_message& b) { return !(a == b); }

 private:
  static const any_message& nothing() {
    static const any_message one;
    return one;
  }
  std::shared_ptr<const any_message> held_;
};

}  // namespace freshet::topology
