#include "actors/assembly/assembly.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_outbox.hpp"
#include "tests/support/tiny_student.hpp"
#include "topology/graph/embedded.hpp"
#include "topology/graph/load.hpp"

namespace freshet::actors {
namespace assembly_test {

class assembled : public ::testing::Test {
 protected:
  assembled() {
    std::filesystem::create_directories(models());
    for (const char* name : {"student", "teacher"}) {
      std::filesystem::copy(tiny_.model(), models() / name, std::filesystem::copy_options::recursive);
    }
  }
  [[nodiscard]] std::filesystem::path models() const { return tiny_.folder() / "models"; }

  topology::graph graph(const std::string& more = "") {
    topology::embedded_options o;
    o.devices = 2;
    o.state_dir = (tiny_.folder() / "state").string();
    o.models_dir = models().string();
    topology::load_options from;
    from.file = "built-in";
    auto loaded = topology::load_graph(topology::embedded_default(o) + more, from);
    EXPECT_TRUE(loaded.ok()) << loaded.err().text();
    return std::move(*loaded);
  }
  static assembly_options keyed() {
    assembly_options o;
    o.artefact_keys = std::make_shared<const access::artefact_keys>(access::artefact_keys::draw());
    return o;
  }
  static std::vector<std::string> names(const rt::node_options& o) {
    std::vector<std::string> out;
    for (const auto& r : o.roles) out.push_back(r.name);
    return out;
  }

  test::tiny_student tiny_;
};

TEST_F(assembled, the_built_in_topology_gives_all_that_its_nodes_need) {
  assembly parts(graph(), keyed());
  const auto cloud = parts.node("cloud");
  ASSERT_TRUE(cloud.ok()) << cloud.err().text();
  EXPECT_EQ(names(*cloud),
            (std::vector<std::string>{"intake", "teacher", "distiller", "compressor", "deployer", "stats"}));
  EXPECT_EQ(cloud->listen, std::vector<std::string>{"ipc://" + (tiny_.folder() / "state" / "cloud.sock").string()});
  EXPECT_TRUE(cloud->peers.empty());
  ASSERT_TRUE(cloud->stats.has_value());
  EXPECT_EQ(cloud->stats->text(), (topology::address{"cloud", "stats"}).text());
  for (const char* edge : {"edge-1", "edge-2"}) {
    const auto node = parts.node(edge);
    ASSERT_TRUE(node.ok()) << node.err().text();
    EXPECT_EQ(names(*node), (std::vector<std::string>{"device", "uplink_filter"}));
    EXPECT_EQ(node->peers, (std::map<std::string, std::string>{{"cloud", cloud->listen.front()}}));
    EXPECT_EQ(node->stats, cloud->stats);
  }
  // Every factory makes a core, and another one for a restart.
  for (const auto& role : cloud->roles) {
    for (int life = 0; life < 2; ++life) {
      const auto core = role.factory();
      ASSERT_NE(core, nullptr) << role.name;
      EXPECT_EQ(core->stats_json().front(), '{') << role.name;
    }
  }
}

TEST_F(assembled, cloud_and_devices_agree_on_the_line) {
  assembly parts(graph(), keyed());
  auto cloud = parts.node("cloud");
  auto edge = parts.node("edge-1");
  ASSERT_TRUE(cloud.ok());
  ASSERT_TRUE(edge.ok());
  test::fake_outbox told;
  for (auto& role : cloud->roles) {
    if (role.name == "distiller") role.factory()->start(time_point{}, told);
  }
  for (auto& role : edge->roles) {
    if (role.name == "device") role.factory()->start(time_point{}, told);
  }
  const auto committed = told.take<topology::version_committed>();
  const auto reported = told.take<topology::device_report>();
  ASSERT_EQ(committed.size(), 1U);
  ASSERT_FALSE(reported.empty());
  EXPECT_EQ(committed[0].line, reported[0].line);
  EXPECT_EQ(committed[0].result, reported[0].active_hash);
  EXPECT_EQ(reported[0].device, device_id{1});
  EXPECT_EQ(committed[0].values.items(), *parts.adapter_values());
}

// Here teacher and student are one model, so one tower.
TEST_F(assembled, features_travel_between_two_models_with_one_tower) {
  const auto frozen = [&](const char* format) {
    topology::graph g = graph();
    for (auto& role : g.roles) {
      if (auto* s = std::get_if<config::distiller_settings>(&role.settings)) s->train_vision = false;
      if (auto* s = std::get_if<config::uplink_filter_settings>(&role.settings)) s->format = format;
    }
    return std::make_unique<assembly>(std::move(g), keyed());
  };
  for (const char* node : {"cloud", "edge-1"}) {
    const auto made = frozen("features")->node(node);
    EXPECT_TRUE(made.ok()) << made.err().text();
  }
  const auto words = *model::load_tokenizer(models() / "teacher");
  ASSERT_TRUE(model::multimodal::random(test::tiny_student_config(words->vocab_size()), 99).save(models() / "teacher").ok());
  for (const char* format : {"features", "cheapest"}) {
    const auto refused = frozen(format)->node("cloud");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.err().code, errc::config);
    for (const std::string& part : {std::string("cloud/distiller"), (models() / "teacher").string(),
                                    (models() / "student").string(), std::string("uplink_filter.format")}) {
      EXPECT_NE(refused.err().text().find(part), std::string::npos) << refused.err().text();
    }
  }
  EXPECT_TRUE(frozen("dct")->node("cloud").ok()) << "pixels are for any teacher";
}

TEST_F(assembled, an_unknown_node_is_answered_with_those_that_exist) {
  assembly parts(graph(), keyed());
  const auto got = parts.node("cluod");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::not_found);
  for (const char* part : {"cluod", "cloud", "edge-1", "edge-2", "built-in"}) {
    EXPECT_NE(got.err().text().find(part), std::string::npos) << got.err().text();
  }
}

TEST_F(assembled, a_model_folder_that_is_missing_is_named_with_the_role_that_wants_it) {
  const auto refused = [&](const char* folder, const char* node, const char* role) {
    std::filesystem::rename(models() / folder, models() / "elsewhere");
    assembly parts(graph(), keyed());
    const auto got = parts.node(node);
    EXPECT_FALSE(got.ok()) << folder;
    if (!got.ok()) {
      EXPECT_NE(got.err().text().find(std::string(node) + "/" + role), std::string::npos) << got.err().text();
      EXPECT_NE(got.err().text().find((models() / folder).string()), std::string::npos) << got.err().text();
    }
    std::filesystem::rename(models() / "elsewhere", models() / folder);
  };
  refused("teacher", "cloud", "teacher");
  refused("student", "cloud", "distiller");
  refused("student", "edge-1", "device");
}

TEST_F(assembled, adapter_targets_that_the_student_does_not_have_are_an_error) {
  topology::graph wrong = graph();
  for (auto& role : wrong.roles) {
    if (auto* s = std::get_if<config::distiller_settings>(&role.settings)) s->lora_targets = {"no_such_proj"};
  }
  assembly parts(std::move(wrong), keyed());
  const auto got = parts.node("cloud");
  ASSERT_FALSE(got.ok());
  EXPECT_NE(got.err().text().find("no_such_proj"), std::string::npos) << got.err().text();
}

TEST_F(assembled, self_training_needs_no_teacher_and_gives_no_features) {
  const auto with_self = [&](double qkd) {
    topology::graph g = graph();
    for (auto& role : g.roles) {
      if (auto* s = std::get_if<config::teacher_settings>(&role.settings)) s->kind = "self";
      if (auto* s = std::get_if<config::distiller_settings>(&role.settings)) s->terms.visual_qkd = qkd;
    }
    return assembly(std::move(g), keyed()).node("cloud");
  };
  std::filesystem::remove_all(models() / "teacher");
  const auto plain = with_self(0);
  EXPECT_TRUE(plain.ok()) << plain.err().text();
  const auto features = with_self(1);
  ASSERT_FALSE(features.ok());
  EXPECT_EQ(features.err().code, errc::config);
  EXPECT_NE(features.err().text().find("cloud/distiller"), std::string::npos) << features.err().text();
}

/// The built-in topology with a student, and maybe a teacher, that are decoders alone, and a folder of questions.
class assembled_of_text : public assembled {
 protected:
  assembled_of_text() : reader_(1, true) {
    replace("student");
    data_.write("law.train.jsonl", "");
    data_.write("law.test.jsonl", R"({"question": "what is it", "answer": "red"}
{"question": "what is the shape", "answer": "round"}
)");
    data_.write("art.train.jsonl", "");
    data_.write("art.test.jsonl", R"({"question": "is it round", "answer": "blue"}
{"question": "is it blue"}
)");
  }
  void replace(const char* name) {
    std::filesystem::remove_all(models() / name);
    std::filesystem::copy(reader_.model(), models() / name, std::filesystem::copy_options::recursive);
  }
  /// What works: `change` is what is wrong with it.
  topology::graph reading(const std::function<void(topology::role_spec&)>& change = [](topology::role_spec&) {}) {
    topology::graph g = graph();
    for (auto& role : g.roles) {
      if (auto* s = std::get_if<config::device_settings>(&role.settings)) {
        s->source.from = data_.path().string();
        s->source.phases = {"law", "art"};
      }
      change(role);
    }
    return g;
  }
  void expect_error(topology::graph g, const char* node, const std::vector<std::string>& parts) {
    const auto got = assembly(std::move(g), keyed()).node(node);
    ASSERT_FALSE(got.ok());
    for (const std::string& part : parts) EXPECT_NE(got.err().text().find(part), std::string::npos) << part << " in " << got.err().text();
  }
  test::tiny_student reader_;
  test::temporary_folder data_;
};

TEST_F(assembled_of_text, a_decoder_alone_is_a_student_under_the_default_settings) {
  for (const bool teacher_too : {false, true}) {
    if (teacher_too) replace("teacher");
    assembly parts(reading(), keyed());
    for (const char* node : {"cloud", "edge-1", "edge-2"}) {
      const auto made = parts.node(node);
      ASSERT_TRUE(made.ok()) << made.err().text();
      for (const auto& role : made->roles) EXPECT_NE(role.factory(), nullptr) << role.name;
    }
  }
}

TEST_F(assembled_of_text, the_built_in_world_is_no_stream_for_it) {
  expect_error(graph(), "edge-1", {"edge-1/device", (models() / "student").string(), "from = \"scenes\"", "questions"});
}

TEST_F(assembled_of_text, scores_of_visual_tokens_are_refused_with_those_that_work) {
  const auto wrong = reading([](topology::role_spec& role) {
    if (auto* s = std::get_if<config::uplink_filter_settings>(&role.settings)) s->scores = {"entropy", "relative_mahalanobis"};
  });
  expect_error(wrong, "edge-1", {"uplink_filter.scores", "relative_mahalanobis", "min_entropy"});
}

TEST_F(assembled_of_text, visual_distillation_is_refused_and_hidden_is_not) {
  const auto with = [&](double visual, double hidden) {
    return reading([=](topology::role_spec& role) {
      if (auto* s = std::get_if<config::distiller_settings>(&role.settings)) {
        s->terms.visual_qkd = visual;
        s->terms.hidden_qkd = hidden;
      }
    });
  };
  expect_error(with(0.5, 0), "cloud", {"cloud/distiller", "distiller.terms.visual_qkd = 0.5", "0 is right"});
  EXPECT_TRUE(assembly(with(0, 0.5), keyed()).node("cloud").ok());
}

TEST_F(assembled_of_text, filters_over_pictures_are_no_phases_of_text) {
  data_.write("questions.jsonl", R"({"question": "what is it", "answer": "red"})" "\n");
  const auto wrong = reading([&](topology::role_spec& role) {
    if (auto* s = std::get_if<config::device_settings>(&role.settings)) {
      s->source.from = (data_ / "questions.jsonl").string();
      s->source.phases = {"clean", "night"};
    }
  });
  expect_error(wrong, "edge-1", {"edge-1/device", "questions.jsonl", "night", "clean"});
}

TEST_F(assembled, a_teacher_that_reads_text_only_is_none_for_a_student_that_looks) {
  const test::tiny_student reader(1, true);
  std::filesystem::remove_all(models() / "teacher");
  std::filesystem::copy(reader.model(), models() / "teacher", std::filesystem::copy_options::recursive);
  const auto got = assembly(graph(), keyed()).node("cloud");
  ASSERT_FALSE(got.ok());
  for (const std::string& part : {std::string("teacher.model"), (models() / "teacher").string(), std::string("vision tower")}) {
    EXPECT_NE(got.err().text().find(part), std::string::npos) << got.err().text();
  }
}

}  // namespace assembly_test
}  // namespace freshet::actors
