"""Tests of GraphML and of Graphviz' language: read by networkx and drawn by dot, whatever the names."""

import html
import json
import re
import subprocess

import networkx as nx
import pytest
from hypothesis import given

from sim import Scenario, export_text
from sim.vectors import bits_from_vqs
from tests.export.samples import HOSTILE, NAMES, NESTED, hostile, needs, shipped


def read_graph(text: str) -> "nx.DiGraph[str]":
    read = nx.parse_graphml(text)
    assert isinstance(read, nx.DiGraph)
    return read


@pytest.mark.parametrize("scenario", [shipped("bug"), NESTED, hostile(HOSTILE)], ids=["bug", "nested", "hostile"])
def test_networkx_reads_its_graph_back(scenario: Scenario) -> None:
    graph, read = scenario.topology.graph, read_graph(export_text(scenario, "graphml"))
    assert (len(read), read.size()) == (len(graph), graph.size())
    for number, spec in enumerate(scenario.topology.logical):
        node = read.nodes[f"cpu{number}"]
        assert (node["name"], node["kind"], node["number"], node["late"]) == (spec.name, "cpu", number, spec.late)
        sve_bits = None if spec.sve_vqs is None else ",".join(map(str, bits_from_vqs(spec.sve_vqs)))
        assert node.get("sve_bits") == sve_bits
        assert node["mpidr"] == scenario.topology.mpidr(number)
        path, above = [], f"cpu{number}"
        while (above := next(iter(read.predecessors(above)))) != "system":
            path.append(read.nodes[above]["name"])
        assert tuple(reversed(path)) == spec.clusters


@given(NAMES)
def test_a_graph_holds_any_name(names: list[str]) -> None:
    read = read_graph(export_text(hostile(names), "graphml"))
    assert [read.nodes[f"cpu{number}"]["name"] for number in range(len(names))] == names
    assert read.graph["name"] == names[-1]


@needs["dot"]
@pytest.mark.parametrize("scenario", [shipped("phone"), NESTED, hostile(HOSTILE)], ids=["phone", "nested", "hostile"])
def test_graphviz_draws_each_cpu_and_cluster(scenario: Scenario) -> None:
    words = ["dot", "-Tjson0"]
    made = subprocess.run(words, input=export_text(scenario, "dot"), capture_output=True, text=True, check=True)
    assert made.stderr == ""
    objects = json.loads(made.stdout)["objects"]
    clusters = {node for node in scenario.topology.graph if isinstance(node, tuple) and node}
    assert sum(node["name"].startswith("cluster") for node in objects) == len(clusters)
    assert sum(node["name"].startswith("cpu") for node in objects) == len(scenario.topology.cpus)


@needs["dot"]
def test_graphviz_draws_names_as_they_are() -> None:
    graph = export_text(hostile(HOSTILE), "dot")
    made = subprocess.run(["dot", "-Tsvg"], input=graph, capture_output=True, text=True, check=True)
    drawn = {
        html.unescape(text).replace("\xa0", " ") for text in re.findall(r"<text [^>]*>([^<]*)</text>", made.stdout)
    }
    assert {f"cpu{number} ({name})" for number, name in enumerate(HOSTILE)} <= drawn


@given(NAMES)
def test_labels_stay_within_their_quotes(names: list[str]) -> None:
    quoted = r'"(?:[^"\\\n]|\\.)*"'
    allowed = [
        "graph {|}|node \\[shape=box\\];",
        f"label={quoted};|subgraph cluster\\d+ {{",
        f"cpu\\d+ \\[label={quoted}(, style=dashed)?\\];",
    ]
    lines = [line.strip() for line in export_text(hostile(names), "dot").splitlines()]
    assert [line for line in lines if not re.fullmatch("|".join(allowed), line)] == []
