// Actor interfaces as function types: protocol<void(deliver), std::string(get_stats)>. Together
// with the macro below this is all that an interface needs to know of the actor library.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

namespace freshet::rt {

namespace detail {
template <class Signature>
struct clause;
template <class R, class... A>
struct clause<R(A...)> {
  using type = typename caf::replies_to<A...>::template with<R>;
};
template <class... A>
struct clause<void(A...)> {
  using type = caf::reacts_to<A...>;
};
}  // namespace detail

template <class... Signatures>
using protocol = caf::typed_actor<typename detail::clause<Signatures>::type...>;

}  // namespace freshet::rt

/// Messages between actors of one process are shared by reference and never serialised by the
/// actor library: what crosses a process boundary goes through topology/wire alone. To be used
/// at global scope.
#define FRESHET_LOCAL_MESSAGE(Type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Type)
