"""Events of function URLs as forms (docs/frames.md), in the Node.js bootstrap."""

import json
import textwrap
import unittest

from frames import FORM, READY, Folder, Process, arguments, frame, interpreter, request_id_of


def url_events():
    """Events of function URLs, whole, by what is unusual about them."""

    def event(headers=None, context=None, **members):
        ids = {"x-amzn-trace-id": "Root=1-65f0c000-0123456789abcdef01234567"}
        http = {"method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "curl/8"}
        made = {"version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": ""}
        made |= {name: members[name] for name in ("cookies",) if name in members}
        made["headers"] = {"host": "h:4600"} | (headers or {}) | ids | {"x-forwarded-for": "127.0.0.1"}
        made |= {name: members[name] for name in ("queryStringParameters",) if name in members}
        made["requestContext"] = {"accountId": "anonymous", "apiId": "u"} | (context or {}) | {
            "http": http, "requestId": request_id_of(7), "routeKey": "$default", "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000", "timeEpoch": 1_583_348_638_390}
        made |= {name: members[name] for name in ("body",) if name in members}
        return made | {"isBase64Encoded": members.get("isBase64Encoded", False)}

    iam = {"authorizer": {"iam": {"accessKey": "A", "accountId": "1", "cognitoIdentity": None, "userArn": "arn"}}}
    return {
        "plain": event(),
        "body": event(body='{"a": "\u00e9\U0001f600\\n"}'),
        "empty body": event(body=""),
        "binary body": event(body="AAH/", isBase64Encoded=True),
        "cookies": event(cookies=["a=1", "b=\u00e9"]),
        "query": event(queryStringParameters={"x": "1,2", "": "y", "7": "seven", "\u00e9": "\u20ac"}),
        "names of objects": event({"__proto__": "a", "constructor": "b", "tostring": "c", "12": "d", "length": "e"},
                                  queryStringParameters={"__proto__": "p", "hasOwnProperty": "q"}),
        "many headers": event({f"x-{number}": "v" * number for number in range(300)}),
        "not ASCII": event({"x-name": "\u00fc\u20ac\U0001d11e\ufffd"}),
        "signed": event(context=iam),
    }


def open_form(event):
    """What Virga sends as FORM for an event."""
    form = json.loads(json.dumps(event))
    form["headers"]["x-amzn-trace-id"] = form["requestContext"]["requestId"] = form["requestContext"]["time"] = ""
    form["requestContext"]["timeEpoch"] = 0
    if "body" in form:
        form["body"] = ""
    return json.dumps(form, ensure_ascii=False).encode()


@unittest.skipUnless(interpreter("node"), "no Node.js at the places that runtimes/node/runtime.json names")
class NodeFormsTest(unittest.TestCase):
    is_stem = False

    def start(self, code):
        root = self.enter(Folder({"app.js": textwrap.dedent(code)}))
        process = self.enter(Process(arguments("node")))
        if self.is_stem:
            process.rehearse()
        bound = process.bind(root, "app.handler")
        self.assertEqual(bound.type, READY, bound)
        return process

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def test_makes_of_a_form_what_parsing_makes_of_the_whole_text(self):
        process = self.start("""
            const { deepStrictEqual } = require('assert');
            const events = [];
            // What a handler does to its event must not be seen in the next one.
            function spoil(value) {
              for (const key of Object.keys(value)) {
                if (value[key] !== null && typeof value[key] === 'object') spoil(value[key]);
                else value[key] = 'spoilt';
              }
              if (Array.isArray(value)) value.push('spoilt'); else value.spoilt = true;
            }
            exports.handler = async (event) => {
              if (event === 'compare') {
                const [whole, ...others] = events.splice(0);
                const wanted = JSON.parse(whole.text);
                for (const { text, event } of others) {
                  if (text !== whole.text) throw new Error(`${text}\\n${whole.text}`); // the order of members as well
                  deepStrictEqual(event, wanted);
                }
                return others.length;
              }
              events.push({ text: JSON.stringify(event), event: structuredClone(event) });
              spoil(event);
              return null;
            };""")
        self.assertTrue(process.takes_forms)
        for place, (name, event) in enumerate(url_events().items()):
            with self.subTest(name):
                body = json.dumps(event["body"], ensure_ascii=False) if "body" in event else ""
                context = event["requestContext"]
                fields = {"trace": event["headers"]["x-amzn-trace-id"], "request_id": context["requestId"]}
                form = (place, context["timeEpoch"], context["time"])
                process.invoke(event, **fields)
                process.send(frame(FORM, place, open_form(event)))
                for _ in range(3):
                    self.assertEqual(process.invoke(body.encode(), form=form, **fields).json, None)
                self.assertEqual(process.invoke("compare").json, 3)

    def test_a_form_takes_the_place_of_the_one_before(self):
        process = self.start("exports.handler = async (event) => [event.rawPath, event.requestContext.requestId, event.body];")
        events = url_events()
        for name in ("plain", "body", "plain"):
            event = events[name] | {"rawPath": f"/{name}"}
            process.send(frame(FORM, 5, open_form(event)))
            body = b'"h\\u00e9\xc3\xa9"' if "body" in event else b""
            answer = process.invoke(body, form=(5, 1, "now"), request_id="id")
            self.assertEqual(answer.json, [f"/{name}", "id", "h\u00e9\u00e9" if body else None])


class NodeStemFormsTest(NodeFormsTest):
    is_stem = True


if __name__ == "__main__":
    unittest.main()
