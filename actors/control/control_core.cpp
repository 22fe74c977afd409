#include "actors/control/control_core.hpp"

#include "actors/control/change.hpp"
#include "actors/control/plan_json.hpp"
#include "actors/operator_question.hpp"
#include "actors/refusal.hpp"
#include "kernels/base/json_line.hpp"
#include "topology/graph/plan.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

using nlohmann::json;
using topology::address;
using topology::any_message;
using topology::graph;

constexpr duration gone_after = std::chrono::seconds(15);
constexpr duration roster_every = std::chrono::seconds(10);
constexpr std::size_t most_listed = 1000;
// Of each revision in a list; `freshet history --revision N` shows them all.
constexpr std::size_t steps_listed = 100;
// Nodes that report; more than any topology has.
constexpr std::size_t most_nodes = 8192;

class control_core final : public role_core {
 public:
  control_core(control_options options, revision_store store, revision current, graph now)
      : options_(std::move(options)),
        store_(std::move(store)),
        current_(std::move(current)),
        graph_(std::move(now)),
        answers_(options_.answers) {}

  void start(time_point now, outbox& out) override {
    const auto left = store_.unfinished();
    if (!left.ok()) {
      out.log(log_level::error, "unfinished changes cannot be read: " + left.err().text());
    } else if (left->has_value()) {
      resume(**left, now, out);
    }
    forget_old_revisions(out);
    publish();
    drive(now, out);
  }

  void handle(const address& from, const any_message& m, time_point now, outbox& out) override {
    if (const auto* report = std::get_if<topology::node_report>(&m)) {
      // A node speaks for itself only.
      if (report->node != from.node || (reports_.size() >= most_nodes && reports_.count(report->node) == 0)) return;
      reports_[report->node] = {*report, now};
      drive(now, out);
    } else if (const auto* request = std::get_if<topology::operator_request>(&m)) {
      out.send(from, answer(from, *request, now, out));
      drive(now, out);
    } else {
      refuse_unknown("control", from, m, out);
    }
  }

  void tick(time_point now, outbox& out) override {
    answers_.forget_old(now);
    forget_the_gone(now);
    drive(now, out);
  }
  bool work(time_point, outbox&) override { return false; }
  std::uint32_t capacity(const address&) const override { return 16; }

  std::string stats_json() const override {
    return json{{"revision", current_.number},
                {"changing_to", change_ ? change_->to() : 0},
                {"change_state", change_ ? name(change_->state()) : "none"},
                {"applied", applied_},
                {"reverted", reverted_},
                {"nodes_heard", reports_.size()}}
        .dump();
  }

  void stop(time_point, outbox&) override {}

 private:
  /// What a former life of CONTROL was doing. Once nodes may have been told to switch there is a choice,
  /// and going on is the shorter way; the clock of the step begins anew.
  void resume(const revision& r, time_point now, outbox& out) {
    auto wanted = options_.load(r.text, r.file, r.base_dir);
    revision_state at = r.state;
    if (at == revision_state::preparing || !wanted.ok()) at = revision_state::reverting;
    next_ = r;
    next_graph_ = wanted.ok() ? std::move(wanted).value() : graph_;
    open_change(r.number, at, now);
    if (at == revision_state::reverting) note_ = r.note.empty() ? "control was restarted while preparing" : r.note;
    persist(out);
    out.log(log_level::warn, "goes on with revision " + std::to_string(r.number) + ", which was " + name(r.state));
  }

  void open_change(std::uint64_t number, revision_state at, time_point now) {
    const auto plan = topology::plan_change(graph_, *next_graph_);
    std::set<std::string> nodes;
    for (const std::string& node : plan.nodes) {
      // One that is to go and has not been heard of has gone already.
      const auto heard = reports_.find(node);
      const bool here = heard != reports_.end() && now - heard->second.at < gone_after;
      if (next_graph_->find_node(node) != nullptr || here) nodes.insert(node);
    }
    std::set<std::string> old;
    for (const std::string& node : nodes)
      if (graph_.find_node(node) != nullptr) old.insert(node);
    change_.emplace(current_.number, number, std::move(nodes), std::move(old), at,
                    change::limits{graph_.changes.prepare_within, graph_.changes.switch_within, graph_.changes.finish_within},
                    now);
    note_.clear();
    told_.clear();
  }

  /// False when the disk does not take it: nobody may be told what is not written.
  bool persist(outbox& out) {
    const std::string& why = change_->note().empty() ? note_ : change_->note();
    const auto kept = store_.set_state(change_->to(), change_->state(), why);
    if (!kept.ok() && !unwritten_)
      out.log(log_level::error, "revision " + std::to_string(change_->to()) + " waits to be recorded as " +
                                    name(change_->state()) + ": " + kept.err().text());
    unwritten_ = !kept.ok();
    return kept.ok();
  }

  void forget_old_revisions(outbox& out) {
    if (const auto done = store_.forget(graph_.changes.kept_revisions); !done.ok())
      out.log(log_level::error, "old revisions stay: " + done.err().text());
  }

  /// Of nodes that no topology has any more; one that comes back reports anew.
  void forget_the_gone(time_point now) {
    for (auto it = reports_.begin(); it != reports_.end();) {
      const auto ours = [&] { return graph_.find_node(it->first) != nullptr || (change_ && change_->takes_part(it->first)); };
      if (now - it->second.at < gone_after || ours()) {
        ++it;
        continue;
      }
      told_.erase(it->first);
      it = reports_.erase(it);
    }
  }

  void drive(time_point now, outbox& out) {
    while (change_ && (unwritten_ || change_->advance(reports_, now))) {
      if (!persist(out)) return out.wake_after(options_.order_again);
      const std::string what = "revision " + std::to_string(change_->to());
      out.log(log_level::info,
              what + " is " + name(change_->state()) + (change_->note().empty() ? "" : ": " + change_->note()));
      if (change_->ended()) {
        if (change_->state() == revision_state::applied) {
          ++applied_;
          current_ = std::move(*next_);
          graph_ = std::move(*next_graph_);
        } else {
          ++reverted_;
        }
        change_.reset();
        next_.reset();
        next_graph_.reset();
        told_.clear();
        forget_old_revisions(out);
      }
      roster_at_.reset();
      publish();
    }
    tell(now, out);
    if (!roster_at_ || now >= *roster_at_) tell_roster(now, out);
  }

  /// STATS shows who is missing: it must know who there should be. Said again now and then, for it may be a new life.
  void tell_roster(time_point now, outbox& out) {
    roster_at_ = now + roster_every;
    json roster = json::object();
    for (const auto& role : graph_.roles) roster[role.where().text()] = config::name(role.kind());
    for (const auto* stats : graph_.roles_of(topology::role_kind::stats))
      out.send(stats->where(), topology::operator_request{0, "roster", roster.dump()});
  }

  void tell(time_point now, outbox& out) {
    std::map<std::string, change::wanted> orders;
    if (change_) orders = change_->orders(reports_);
    // Nobody who takes part is told two things; all others are to be of the current revision.
    for (const auto& [node, heard] : reports_) {
      const bool content = heard.what.active == current_.number && heard.what.finished && heard.what.prepared == 0;
      if (content || orders.count(node) != 0 || (change_ && change_->takes_part(node)) || graph_.find_node(node) == nullptr)
        continue;
      if (heard.what.active != current_.number) {
        orders[node] = {current_.number, topology::change_step::become};
      } else if (!heard.what.finished || heard.what.prepared != 0) {
        orders[node] = {current_.number, topology::change_step::finish};
      }
    }
    for (const auto& [node, wanted] : orders) {
      auto& last = told_[node];
      const bool same = last.revision == wanted.revision && last.step == wanted.step;
      if (same && now - last.at < options_.order_again) continue;
      last = {wanted.revision, wanted.step, now};
      const revision& r = next_ && wanted.revision == next_->number ? *next_ : current_;
      out.send({node, topology::agent_role}, topology::topology_order{r.number, wanted.step, r.file, r.base_dir, r.text});
    }
    out.wake_after(options_.order_again);
  }

  void publish() {
    std::vector<wanted_node> all;
    const auto add = [&](const std::string& node, const revision& r, bool await) {
      all.push_back({node, r.number, r.text, r.file, r.base_dir, await});
    };
    for (const auto& node : graph_.nodes) add(node.name, current_, false);
    // A node that is only of the next revision runs from the beginning of its preparation on.
    if (change_ && change_->state() != revision_state::reverting)
      for (const auto& node : next_graph_->nodes)
        if (graph_.find_node(node.name) == nullptr) add(node.name, *next_, true);
    options_.publish(all);
  }

  topology::operator_answer answer(const address& from, const topology::operator_request& request, time_point now,
                                   outbox& out) {
    if (request.verb == "part") {
      const auto asked = operator_question::of(request);
      auto piece = asked.ok() ? answers_.piece(from, request.number, asked->number("part").value_or(0), now)
                              : result<topology::operator_answer>(asked.err());
      return piece.ok() ? std::move(piece).value() : answer_to(request, piece.err());
    }
    return answers_.begin(from, request.number, answer_text(carry_out(request, now, out)), now);
  }

  result<json> carry_out(const topology::operator_request& request, time_point now, outbox& out) {
    FRESHET_TRY_ASSIGN(const operator_question asked, operator_question::of(request));
    if (request.verb == "plan") return plan(asked);
    if (request.verb == "apply") return apply(asked, now, out);
    if (request.verb == "change") return look_at(asked.number("revision").value_or(current_.number), asked.flag("brief"));
    if (request.verb == "history") return history(asked);
    return error{errc::unsupported, "\"" + request.verb + "\"; control knows plan, apply, change and history"};
  }

  /// The document that a request means: its own text, or that of an older revision.
  result<revision> wanted_by(const operator_question& asked) {
    revision r;
    if (const std::uint64_t number = asked.number("revision").value_or(0); number != 0) {
      FRESHET_TRY_ASSIGN(const auto old, store_.find(number));
      if (!old) return error{errc::not_found, "revision " + std::to_string(number)};
      r.text = old->text;
      r.file = old->file;
      r.base_dir = old->base_dir;
    } else {
      r.text = asked.text("text");
      r.file = asked.text("file");
      r.base_dir = asked.text("base_dir");
      if (r.text.empty()) return error{errc::invalid_argument, "neither \"text\" nor \"revision\" says what to apply"};
    }
    if (r.text.size() > options_.document_bytes)
      return error{errc::too_large, "a document of " + std::to_string(r.text.size()) + " bytes; at most " +
                                        std::to_string(options_.document_bytes) + " are taken"};
    r.who = asked.text("who");
    return r;
  }

  result<json> plan(const operator_question& asked) {
    FRESHET_TRY_ASSIGN(const revision r, wanted_by(asked));
    FRESHET_TRY_ASSIGN(const graph wanted, options_.load(r.text, r.file, r.base_dir));
    json out = to_json(topology::plan_change(graph_, wanted));
    out["revision"] = current_.number;
    return out;
  }

  /// Who made the document from an older one than runs now would take back what others did meanwhile.
  result<void> still_based_on(const operator_question& asked) const {
    const auto base = asked.number("based_on");
    if (!base || *base == current_.number) return {};
    return error{errc::wrong_base, "this change was made for revision " + std::to_string(*base) + ", and revision " +
                                       std::to_string(current_.number) + " of " + current_.who +
                                       " runs by now; nothing was changed: look at it and ask again"};
  }

  result<json> apply(const operator_question& asked, time_point now, outbox& out) {
    if (change_)
      return error{errc::overloaded, "revision " + std::to_string(change_->to()) + " is " + name(change_->state()) +
                                          "; one change at a time"};
    FRESHET_TRY(still_based_on(asked));
    FRESHET_TRY_ASSIGN(revision r, wanted_by(asked));
    FRESHET_TRY_ASSIGN(graph wanted, options_.load(r.text, r.file, r.base_dir));
    const auto plan = topology::plan_change(graph_, wanted);
    json said = to_json(plan);
    said["revision"] = current_.number;
    if (!plan.refusals.empty() || plan.empty()) return said;
    FRESHET_TRY(options_.provide(wanted));
    r.at_unix_ms = options_.wall_clock();
    r.steps_json = json_line(said["steps"]);
    FRESHET_TRY_ASSIGN(r.number, store_.add(r));
    out.log(log_level::info, "revision " + std::to_string(r.number) + " of " + r.who + ": " +
                                 std::to_string(plan.steps.size()) + " steps");
    next_ = std::move(r);
    next_graph_ = std::move(wanted);
    open_change(next_->number, revision_state::preparing, now);
    publish();
    said["revision"] = next_->number;
    said["state"] = name(revision_state::preparing);
    return said;
  }

  result<json> look_at(std::uint64_t number, bool brief) {
    FRESHET_TRY_ASSIGN(const auto r, store_.find(number));
    if (!r) return error{errc::not_found, "revision " + std::to_string(number)};
    json out = to_json(*r, brief ? 0 : every_step);
    json waiting = json::array();
    if (change_ && change_->to() == number)
      for (const auto& [node, wanted] : change_->orders(reports_)) waiting.push_back(node);
    out["waiting_for"] = std::move(waiting);
    if (brief) return out;
    out["text"] = r->text;
    out["base_dir"] = r->base_dir;
    return out;
  }

  result<json> history(const operator_question& asked) {
    const std::uint64_t most = std::min<std::uint64_t>(asked.number("most").value_or(50), most_listed);
    FRESHET_TRY_ASSIGN(const auto all, store_.list(most));
    json out{{"current", current_.number}, {"revisions", json::array()}};
    for (const revision& r : all) out["revisions"].push_back(to_json(r, steps_listed));
    return out;
  }

  control_options options_;
  revision_store store_;
  revision current_;
  graph graph_;
  std::optional<revision> next_;
  std::optional<graph> next_graph_;
  std::optional<change> change_;
  std::string note_;
  bool unwritten_ = false;   ///< the change has moved on, and the disk does not know yet
  report_board reports_;
  long_answers answers_;
  struct told {
    std::uint64_t revision = 0;
    topology::change_step step = topology::change_step::prepare;
    time_point at;
  };
  std::map<std::string, told> told_;
  std::optional<time_point> roster_at_;   ///< when it is due
  std::uint64_t applied_ = 0;
  std::uint64_t reverted_ = 0;
};

}  // namespace

result<std::unique_ptr<role_core>> make_control(control_options options, revision_store store) {
  FRESHET_ENSURE(options.load && options.wall_clock, "control needs a loader and a clock");
  FRESHET_TRY_ASSIGN(const auto current, store.current());
  if (!current) return error{errc::not_found, "no topology was ever applied here"};
  FRESHET_TRY_ASSIGN(graph now, options.load(current->text, current->file, current->base_dir));
  return std::unique_ptr<role_core>(
      std::make_unique<control_core>(std::move(options), std::move(store), *current, std::move(now)));
}

}  // namespace freshet::actors
