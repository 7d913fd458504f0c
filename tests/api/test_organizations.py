"""Organizations, and which workspaces belong to them."""

import uuid

import httpx


def test_organizations_have_workspaces(api: httpx.Client, workspace: str) -> None:
    slug, other = (f"org-{uuid.uuid4().hex[:8]}" for _ in range(2))
    answer = api.post("/v1/organizations", json={"slug": slug})
    organization = answer.raise_for_status().json()
    assert (answer.headers["location"], organization["name"]) == (f"/v1/organizations/{slug}", slug)
    api.post("/v1/organizations", json={"slug": other}).raise_for_status()
    assert [each["slug"] for each in api.get("/v1/organizations?limit=2").json()["data"]] == [other, slug]
    taken = api.post("/v1/organizations", json={"slug": slug})
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/slug")

    for path in (f"/v1/organizations/{slug}", f"/v1/organizations/{organization['organization_id']}"):
        found = api.get(path)
        assert (found.json(), found.headers["etag"]) == (organization, '"1"')
        assert api.get(path, headers={"If-None-Match": '"1"'}).status_code == 304
    renamed = api.patch(f"/v1/organizations/{slug}", json={"name": "Umbrella"}, headers={"If-Match": '"1"'})
    assert (renamed.json()["name"], renamed.headers["etag"]) == ("Umbrella", '"2"')
    late = api.patch(f"/v1/organizations/{slug}", json={"name": "Late"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    absent = api.get("/v1/organizations/nobody-is-this")
    assert (absent.status_code, absent.json()["code"]) == (404, "organization_not_found")

    made = api.post("/v1/workspaces", json={"slug": f"w-{uuid.uuid4().hex[:8]}", "organization": slug}).json()
    assert made["organization"] == slug
    assert api.get(f"/v1/workspaces?organization={slug}").json()["data"] == [made]
    assert api.get(f"/v1/workspaces?organization={other}").json()["data"] == []
    assert api.get(f"/v1/workspaces/{workspace}").json()["organization"] is None
    assert api.patch(f"/v1/workspaces/{made['slug']}", json={"name": "W"}).json()["organization"] == slug
    nowhere = api.post("/v1/workspaces", json={"slug": "never-made", "organization": "nobody-is-this"})
    assert (nowhere.status_code, nowhere.json()["errors"][0]["pointer"]) == (422, "/organization")


def test_a_group_has_one_role_in_a_workspace(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/role-mappings"
    group = f"g-{uuid.uuid4().hex[:8]}"
    made = api.post(path, json={"group": group, "role": "viewer"}).json()
    assert (made["group"], made["role"], made["sees_payloads"]) == (group, "viewer", False)
    taken = api.post(path, json={"group": group, "role": "admin"})
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    assert api.get(path).json()["data"] == [made]
    api.patch(f"/v1/workspaces/{workspace}", json={"status": "SUSPENDED"}).raise_for_status()
    assert api.post(path, json={"group": "another", "role": "viewer"}).json()["code"] == "workspace_suspended"
    assert api.delete(f"{path}/{made['mapping_id']}").status_code == 204  # its users could otherwise continue to read
    assert api.get(path).json()["data"] == []
